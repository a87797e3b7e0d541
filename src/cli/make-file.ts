import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Makes a file of a result, in the place of an earlier one. @throws Error of node:fs; no file is left in part */
export async function makeFile(from: string, { to, mode }: { to: string; mode: number }): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const beside = `${to}.${randomUUID()}.new`;
  try {
    await pipeline(createReadStream(from), createWriteStream(beside, { flags: 'wx', mode }));
    await rename(beside, to);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
