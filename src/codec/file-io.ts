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

/** Writes all of it from `position` on. @throws what the file system says, also when it takes no more without saying why */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    const taken = writeSync(fd, bytes, written, bytes.length - written, position + written);
    if (taken === 0) throw new Error('the system takes no more bytes');
    written += taken;
  }
}
