import { readSync, writeSync } from 'node:fs';

/** Fills `target` from `position` on. Returns the bytes read, fewer only at the end of the file. */
export function readAt(fd: number, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const length = readSync(fd, target, filled, target.length - filled, position + filled);
    if (length === 0) break;
    filled += length;
  }
  return filled;
}

/** Writes all bytes from `position` on. @throws errors of the file system, and an error when it accepts no more bytes */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    const taken = writeSync(fd, bytes, written, bytes.length - written, position + written);
    if (taken === 0) throw new Error('the system takes no more bytes');
    written += taken;
  }
}
