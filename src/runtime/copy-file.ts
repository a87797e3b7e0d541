import { createReadStream, createWriteStream } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Copies a user's file to a new name, with its mtime in whole µs, the precision of Node, and flushes it. Node's own call for it
 * reports success for a source that cannot be read whole.
 * @throws the file system's error; EEXIST when the name exists
 */
export async function copyToNew(path: string, to: string, mtimeNs: string): Promise<void> {
  await pipeline(createReadStream(path), createWriteStream(to, { flags: 'wx', mode: 0o644, flush: true }));
  const mtime = Number(microseconds(mtimeNs)) / 1e6;
  await utimes(to, mtime, mtime);
}

export function microseconds(ns: string): bigint {
  return BigInt(ns) / 1000n;
}
