import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { lookAtFile } from './foreign.ts';
import { moveDurably } from './publish.ts';

/**
 * Saves a program's file in another tier, mtime and all, unless what lies there is as new.
 * @param partialDir of that tier @returns whether it was written
 */
export async function saveFile(path: string, to: string, partialDir: string): Promise<boolean> {
  const [from, there] = [lookAtFile(path), lookAtFile(to)];
  if (!from || (there && microseconds(there.mtimeNs) >= microseconds(from.mtimeNs))) return false;
  // What bears such a name goes at the next start.
  const temp = join(partialDir, `${randomUUID()}.leaving`);
  try {
    await pipeline(createReadStream(path), createWriteStream(temp, { flags: 'wx', mode: 0o644, flush: true }));
    const mtime = Number(microseconds(from.mtimeNs)) / 1e6;
    utimesSync(temp, mtime, mtime);
    moveDurably(temp, to);
    return true;
  } finally {
    rmSync(temp, { force: true });
  }
}

/** All that Node can set of an mtime. */
function microseconds(ns: string): bigint {
  return BigInt(ns) / 1000n;
}
