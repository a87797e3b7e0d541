import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { forget } from '../../bench/slow-mount.ts';
import { readFromDisks } from '../../src/runtime/page-cache.ts';
import { writeModel } from './files.ts';
import { onDisk, tempDir } from './temp-dir.ts';

/** Bytes read from disks for this process. */
export const fromDisks = () => readFromDisks('self') ?? Number.NaN;

/** Whether the page at a position of the file comes without a disk read, by the kernel's counters. */
export function isInMemory(path: string, position: number): boolean {
  const fd = openSync(path, 'r');
  const before = fromDisks();
  readSync(fd, Buffer.alloc(4096), 0, 4096, position);
  closeSync(fd);
  return fromDisks() === before;
}

/** A model that is not in the page cache; skips the test where that cannot be checked, as on a temporary directory in memory. */
export function coldModel(context: TestContext, size: number): { path: string; bytes: Buffer } {
  const path = join(tempDir(onDisk()), 'model.bin');
  const bytes = writeModel(path, size);
  if (process.platform !== 'linux') context.skip('the page cache cannot be watched here');
  forget(path);
  if (isInMemory(path, 0)) context.skip('the page cache cannot be watched here');
  forget(path);
  return { path, bytes };
}
