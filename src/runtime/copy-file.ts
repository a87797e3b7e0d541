import { createReadStream, createWriteStream } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Copies a file that a user made to a new name, with its mtime in whole µs, all that Node can set, and flushes it. Node's own
 * call for it reports success for a source that cannot be read whole.
 * @throws what the file system says; EEXIST when there is something of that name
 */
export async function copyToNew(path: string, to: string, mtimeNs: string): Promise<void> {
  await pipeline(createReadStream(path), createWriteStream(to, { flags: 'wx', mode: 0o644, flush: true }));
  const mtime = Number(microseconds(mtimeNs)) / 1e6;
  await utimes(to, mtime, mtime);
}

export function microseconds(ns: string): bigint {
  return BigInt(ns) / 1000n;
}
