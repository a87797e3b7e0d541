import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { program } from '../helpers/daemon-process.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** As `autocached … | head -1` does it: the reader goes after the first bytes. */
async function leftEarly(words: string[], dir: string): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [program, ...words, '--state', join(dir, 'state')], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '', HOME: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close');
  return { code, err };
}

const calls = ['--help', 'config', 'man', 'completion bash', 'preset list', 'status', 'memo --help', 'preset list --json'];

test('a reader that leaves early is no error of any command', { tags: 'slow', timeout: patience(120_000) }, async () => {
  const dir = tempDir();
  for (const call of calls) {
    const { code, err } = await leftEarly(call.split(' '), dir);
    expect(err, call).not.toMatch(/EPIPE|node:|\n {4}at /);
    expect(code, call).not.toBeNull();
  }
});

test.skipIf(!existsSync('/dev/full'))('an output that does not fit on its disk is said to be lost', async () => {
  const out = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [program, 'preset', 'list'], { stdio: ['ignore', out, 'pipe'] });
  closeSync(out);
  const err = child.stderr ? text(child.stderr) : '';
  const [code] = await once(child, 'close');
  expect([code, await err]).toEqual([1, 'autocached: the output cannot be written: no space left on device\n']);
});
