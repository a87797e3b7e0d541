import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const reads = 8;
const block = 4096;

/**
 * How long one small read somewhere in a file takes, ms: the median of a few at places all over it, past the page cache. Null
 * where the cache cannot be passed (it would be measured instead of the disk) and for small files.
 * @throws what the file system says
 */
export function probeSmallReads(path: string): number | null {
  const { O_DIRECT } = constants;
  if (O_DIRECT === undefined) return null;
  const fd = openSync(path, constants.O_RDONLY | O_DIRECT);
  try {
    const blocks = Math.floor(fstatSync(fd).size / block);
    if (blocks < reads * reads) return null;
    // A buffer that may grow begins at a page of memory, which reading past the cache asks for.
    const into = new Uint8Array(new ArrayBuffer(block, { maxByteLength: block }));
    const times = Array.from({ length: reads }, () => {
      const position = Math.floor(Math.random() * blocks) * block;
      const startedAt = performance.now();
      readSync(fd, into, 0, block, position);
      return performance.now() - startedAt;
    });
    return times.sort((a, b) => a - b)[reads / 2] ?? null;
  } finally {
    closeSync(fd);
  }
}
