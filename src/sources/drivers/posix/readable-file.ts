import { read } from 'node:fs';
import type { ReadableFile } from '../../driver.ts';
import { readError } from '../../io-errors.ts';

/** A file of this machine, open as `fd`; the caller closes it. */
export function readableFile(fd: number, path: string): ReadableFile & { readonly fd: number } {
  return { fd, path, read: (into, position) => readSome(fd, into, position) };
}

function readSome(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytes) => (error ? reject(readError(error)) : resolve(bytes)));
  });
}
