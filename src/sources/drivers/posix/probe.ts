import { closeSync, fstatSync } from 'node:fs';
import { openUncached } from '../../../runtime/uncached.ts';
import { timedReads } from './measure-reads.ts';

const reads = 8;
const block = 4096;

/**
 * Duration of one small read in a file, ms: the median of a few at random places, past the page cache. Null where the cache cannot
 * be bypassed (the result would not show the disk) and for small files.
 * @throws errors of the file system
 */
export function probeSmallReads(path: string): number | null {
  const fd = openUncached(path);
  if (fd === null) return null;
  try {
    const blocks = Math.floor(fstatSync(fd).size / block);
    if (blocks < reads * reads) return null;
    const much = { bytes: block, most: reads, ms: Number.POSITIVE_INFINITY };
    const times = timedReads(fd, much, () => Math.floor(Math.random() * blocks) * block);
    return times.sort((a, b) => a - b)[reads / 2] ?? null;
  } finally {
    closeSync(fd);
  }
}
