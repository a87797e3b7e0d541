import type { ReadableFile } from './driver.ts';

/**
 * Fills `into` from `position` on.
 * @returns the number of bytes read, fewer only at the end of the file
 * @throws CacheError as `ReadableFile.read` does
 */
export async function readFully(file: ReadableFile, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const length = await file.read(into.subarray(filled), position + filled);
    if (length === 0) break;
    filled += length;
  }
  return filled;
}
