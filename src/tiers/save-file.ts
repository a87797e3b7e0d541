import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyToNew, microseconds } from '../runtime/copy-file.ts';
import { moveDurably } from './durable.ts';
import { lookAtFile } from './foreign.ts';

/**
 * Saves a program's file in another tier with its mtime, unless the file there is as new.
 * @param partialDir of that tier @returns whether it was written
 */
export async function saveFile(path: string, to: string, partialDir: string): Promise<boolean> {
  const [from, there] = [lookAtFile(path), lookAtFile(to)];
  if (!from || (there && microseconds(there.mtimeNs) >= microseconds(from.mtimeNs))) return false;
  // The next start removes files with such names.
  const temp = join(partialDir, `${randomUUID()}.leaving`);
  try {
    await copyToNew(path, temp, from.mtimeNs);
    await moveDurably(temp, to);
    return true;
  } finally {
    rmSync(temp, { force: true });
  }
}
