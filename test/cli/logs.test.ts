import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli, startCli } from './run-cli.ts';

function arrange(lines: number) {
  const stateDir = tempDir();
  const log = join(stateDir, 'daemon.log');
  writeFileSync(log, Array.from({ length: lines }, (_, at) => `line ${at + 1}\n`).join(''));
  return { stateDir, log };
}

test('logs shows the last lines, and as many as are asked for', async () => {
  const { stateDir } = arrange(120);
  const { code, out } = await runCli(['logs'], { stateDir });
  expect(code).toBe(0);
  expect(out.split('\n').slice(0, 2)).toEqual(['line 71', 'line 72']);
  expect((await runCli(['logs', '-n', '2'], { stateDir })).out).toBe('line 119\nline 120\n');
  expect(JSON.parse((await runCli(['logs', '-n', '1', '--json'], { stateDir })).out)).toMatchObject({ lines: ['line 120'] });
});

test('logs without a log says where others write theirs', async () => {
  const { code, err } = await runCli(['logs'], { stateDir: tempDir() });
  expect(code).toBe(1);
  expect(err).toMatch(/there is no log .*daemon\.log/);
  expect(err).toContain('hint:');
  expect((await runCli(['logs', '-n', 'many'], { stateDir: tempDir() })).code).toBe(2);
});

test('logs -f goes on with what is written, also after the log has begun anew', async () => {
  const { stateDir, log } = arrange(3);
  const { out, done } = startCli(['logs', '-f'], { stateDir });
  await out.until('line 3\n');
  appendFileSync(log, 'line 4\nline');
  await out.until('line 4\n');
  appendFileSync(log, ' 5\n');
  await out.until('line 5\n');
  writeFileSync(log, 'anew\n');
  await out.until('anew\n');
  out.emit('error', Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
  expect((await done).code).toBe(0);
});
