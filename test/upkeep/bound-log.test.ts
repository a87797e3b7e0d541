import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../../src/runtime/log.ts';
import { boundLog } from '../../src/upkeep/bound-log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

afterEach(() => vi.useRealTimers());

function arrange(opened = 'daemon.log') {
  vi.useFakeTimers();
  const dir = tempDir();
  const file = join(dir, 'daemon.log');
  const fd = openSync(join(dir, opened), 'a');
  onTestFinished(() => closeSync(fd));
  const write = (text: string) => writeSync(fd, text);
  const log = createLog({ level: 'silent', form: 'json' });
  const start = () => onTestFinished(boundLog({ file, log, most: 100, everyMs: 1000, fd }));
  return { dir, file, write, start };
}

test('a log that is too long is put aside at start, and begins anew', () => {
  const { file, write, start } = arrange();
  write('x'.repeat(101));
  start();
  write('after\n');
  expect(readFileSync(file, 'utf8')).toBe('after\n');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('x'.repeat(101));
});

test('also while the daemon runs, and one older log is kept', async () => {
  const { dir, file, write, start } = arrange();
  start();
  for (const letter of ['a', 'b', 'c']) {
    write(letter.repeat(101));
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(readFileSync(file, 'utf8')).toBe('');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('c'.repeat(101));
  expect(readdirSync(dir)).toEqual(['daemon.log', 'daemon.log.1']);
});

test('one that is short, or is not where this process writes, is left alone', async () => {
  const { file, write, start } = arrange();
  write('x'.repeat(100));
  start();
  expect(existsSync(`${file}.1`)).toBe(false);

  const other = arrange('elsewhere');
  other.write('x'.repeat(101));
  other.start();
  await vi.advanceTimersByTimeAsync(1000);
  expect(readdirSync(other.dir)).toEqual(['elsewhere']);
});
