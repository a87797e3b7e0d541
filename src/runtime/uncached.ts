import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Alignment of positions, lengths and addresses past the page cache, bytes: the largest sector in use. */
export const pageBytes = 4096;
/** Minimum size of a file that bypasses the page cache, bytes. */
export const leastUncached = 16 * 1024 * 1024;

/** Memory for reads and writes past the page cache: a resizable buffer begins at a page of memory. */
export function pageAligned(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
}

/**
 * Opens a file for reading past the page cache, into `pageAligned` memory. Null when the system or the file system does not support
 * that, which only the first read may show. Other errors appear again when the file is opened normally.
 */
export function openUncached(path: string): number | null {
  const fd = openDirect(path, constants.O_RDONLY);
  if (fd === null) return null;
  try {
    readSync(fd, pageAligned(pageBytes), 0, pageBytes, 0);
    return fd;
  } catch {
    closeSync(fd);
    return null;
  }
}

/** Reopens the file of `fd` for writing past the page cache. Null as above; only the first write may show it. */
export function openUncachedToWrite(fd: number): number | null {
  return openDirect(`/proc/self/fd/${fd}`, constants.O_WRONLY);
}

function openDirect(path: string, flags: number): number | null {
  const { O_DIRECT } = constants;
  if (O_DIRECT === undefined) return null;
  try {
    return openSync(path, flags | O_DIRECT);
  } catch {
    return null;
  }
}
