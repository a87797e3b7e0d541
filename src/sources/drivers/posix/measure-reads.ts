import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { openUncached, pageAligned } from '../../../runtime/uncached.ts';
import type { ReadSpeeds } from '../../driver.ts';

const small = { bytes: 4096, most: 32, ms: 700 };
const large = { bytes: 1024 * 1024, most: 96, ms: 1000 };

/** Minimum size of a file that can show its disk's speed, bytes. */
export const leastToMeasure = 8 * large.bytes;

/**
 * Reads at most 100 MiB of a file, for at most about 2 s unless a single read takes longer. Null for a file that is too small.
 * @throws errors of the file system
 */
export function measureReads(path: string): ReadSpeeds | null {
  const uncached = openUncached(path);
  const fd = uncached ?? openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size < leastToMeasure) return null;
    const smallReads = timedReads(fd, small, () => Math.floor((Math.random() * size) / small.bytes - 1) * small.bytes);
    const blocks = Math.floor(size / large.bytes);
    const first = Math.floor(Math.random() * Math.max(1, blocks - large.most));
    const most = Math.min(large.most, blocks - first);
    const largeReads = timedReads(fd, { ...large, most }, (index) => (first + index) * large.bytes);
    const seconds = largeReads.reduce((sum, ms) => sum + ms, 0) / 1000;
    const sorted = smallReads.sort((a, b) => a - b);
    return {
      smallReadMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
      bytesPerSecond: (largeReads.length * large.bytes) / Math.max(seconds, 1e-9),
      direct: uncached !== null,
    };
  } finally {
    closeSync(fd);
  }
}

/** Duration of each read, ms. */
export function timedReads(fd: number, block: typeof small, positionOf: (index: number) => number): number[] {
  const into = pageAligned(block.bytes);
  const times: number[] = [];
  const end = performance.now() + block.ms;
  while (times.length < block.most && (times.length === 0 || performance.now() < end)) {
    const startedAt = performance.now();
    readSync(fd, into, 0, block.bytes, Math.max(0, positionOf(times.length)));
    times.push(performance.now() - startedAt);
  }
  return times;
}
