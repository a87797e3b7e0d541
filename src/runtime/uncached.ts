import { closeSync, constants, openSync, readSync } from 'node:fs';

const pageBytes = 4096;

/** Memory that can be read into past the page cache: a buffer that may grow begins at a page of memory. */
export function pageAligned(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
}

/**
 * Opens a file for reading past the page cache: from multiples of 4 KiB on, into `pageAligned` memory of such a length. Null where
 * the system or the file system cannot do that, which may show at the first read only; whatever else is wrong shows again where the
 * file is opened as usual.
 */
export function openUncached(path: string): number | null {
  const { O_DIRECT, O_RDONLY } = constants;
  if (O_DIRECT === undefined) return null;
  let fd: number | undefined;
  try {
    fd = openSync(path, O_RDONLY | O_DIRECT);
    readSync(fd, pageAligned(pageBytes), 0, pageBytes, 0);
    return fd;
  } catch {
    if (fd !== undefined) closeSync(fd);
    return null;
  }
}
