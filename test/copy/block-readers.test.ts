import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diskReader, localReader, sourceReader } from '../../src/copy/block-readers.ts';
import { linuxCounters } from '../../src/copy/foreign-reads.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const MiB = 2 ** 20;
const size = 24 * MiB + 4711;

/** What this process has had read from disks, bytes. */
const readFromDisks = () => linuxCounters()?.own ?? Number.NaN;

/** Out of the page cache, and only that file. */
function forget(path: string): void {
  execFileSync('sync', [path]);
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

function isInMemory(path: string, position: number): boolean {
  const fd = openSync(path, 'r');
  const before = readFromDisks();
  readSync(fd, Buffer.alloc(4096), 0, 4096, position);
  closeSync(fd);
  return readFromDisks() === before;
}

async function readAll(path: string, { from = 0, open = localReader } = {}): Promise<Buffer> {
  const fd = openSync(path, 'r');
  const reader = open({ fd, path, from, end: size });
  const parts: Buffer[] = [];
  try {
    for (let done = from; done < size; done += parts.at(-1)?.length ?? 0) parts.push(Buffer.from(await reader.next()));
  } finally {
    await reader.close();
    closeSync(fd);
  }
  return Buffer.concat(parts);
}

/** Whether the kernel forgets the file when told to and counts what is read: not on a temporary directory in memory. */
function tells(path: string): boolean {
  if (process.platform !== 'linux') return false;
  forget(path);
  const told = !isInMemory(path, 0);
  forget(path);
  return told;
}

describe('a large source on a local disk', () => {
  test('is read past the page cache', async (context) => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    if (!tells(path)) return context.skip('the page cache cannot be watched here');
    expect((await readAll(path)).equals(bytes)).toBe(true);
    expect([8, 16, 23].map((at) => isInMemory(path, at * MiB))).toEqual([false, false, false]);
  });

  test('comes from the page cache when it is there', async (context) => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    if (!tells(path)) return context.skip('the page cache cannot be watched here');
    readFileSync(path);
    const before = readFromDisks();
    expect((await readAll(path)).equals(bytes)).toBe(true);
    expect(readFromDisks() - before).toBeLessThan(MiB);
  });

  test('comes from the disk all the same when that is what is to be proven', async (context) => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    if (!tells(path)) return context.skip('the page cache cannot be watched here');
    readFileSync(path);
    const before = readFromDisks();
    expect((await readAll(path, { open: diskReader })).equals(bytes)).toBe(true);
    expect(readFromDisks() - before).toBeGreaterThanOrEqual(size);
  });

  test('goes through the page cache while the program that asked for it reads it too', async (context) => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    if (!tells(path)) return context.skip('the page cache cannot be watched here');
    expect(
      (await readAll(path, { open: (range) => sourceReader(range, { network: false, shared: true }) })).equals(bytes),
    ).toBe(true);
    expect([8, 16, 23].map((at) => isInMemory(path, at * MiB))).toEqual([true, true, true]);
  });

  test('is read from the middle on', async () => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    expect((await readAll(path, { from: 8 * MiB })).equals(bytes.subarray(8 * MiB))).toBe(true);
  });

  test('that became shorter is told, and the reader can still be closed', async () => {
    const path = join(tempDir(), 'model.bin');
    writeModel(path, size);
    const writer = openSync(path, 'r+');
    ftruncateSync(writer, 20 * MiB + 1000);
    closeSync(writer);
    await expect(readAll(path)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });
});
