import { readSync, writeSync } from 'node:fs';

/** Fills `target` from `position` on; returns how many bytes there were, fewer only at the end of the file. */
export function readAt(fd: number, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const length = readSync(fd, target, filled, target.length - filled, position + filled);
    if (length === 0) break;
    filled += length;
  }
  return filled;
}

export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}
