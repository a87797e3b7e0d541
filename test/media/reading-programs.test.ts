import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReadingPrograms } from '../../src/media/reading-programs.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A `/proc` of our own. */
function arrange() {
  const proc = tempDir();
  const put = (pid: number, { read = 0, name = 'python3', state = 'S', parent = 1 } = {}) => {
    mkdirSync(join(proc, String(pid)), { recursive: true });
    writeFileSync(join(proc, String(pid), 'io'), `rchar: 5\nread_bytes: ${read}\nwrite_bytes: 7\n`);
    writeFileSync(join(proc, String(pid), 'stat'), `${pid} (${name}) ${state} ${parent} 1 1 0 -1\n`);
  };
  const programs = new ReadingPrograms(proc);
  /** All programs, each looked at once. */
  const all = () => Array.from({ length: 5 }, () => programs.next()).flat();
  return { proc, put, programs, all };
}

test('programs that have read since the last look are told, with whether they wait', () => {
  const { put, programs, all } = arrange();
  put(10, { read: 1000, state: 'D' });
  put(11, { read: 0 });
  put(12, { read: 500, name: 'a (strange) D 2 name' });
  expect(all()).toEqual([
    { pid: 10, name: 'python3', bytes: 1000, waits: true },
    { pid: 12, name: 'a (strange) D 2 name', bytes: 500, waits: false },
  ]);
  expect(all()).toEqual([]);
  put(10, { read: 1300 });
  expect(programs.these([10, 11])).toEqual([
    { pid: 10, name: 'python3', bytes: 300, waits: false },
    { pid: 11, name: 'python3', bytes: 0, waits: false },
  ]);
});

test('this program, its children, threads of the kernel and programs that have ended do not count', () => {
  const { proc, put, all } = arrange();
  put(process.pid, { read: 9 });
  put(20, { read: 9, parent: process.pid });
  put(21, { read: 9, parent: 2 });
  put(22, { read: 9 });
  rmSync(join(proc, '22'), { recursive: true });
  put(23, { read: 9 });
  expect(all().map(({ pid }) => pid)).toEqual([23]);
  expect(new ReadingPrograms(join(proc, 'no-such')).next()).toEqual([]);
});
