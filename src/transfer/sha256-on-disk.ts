import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openCopy, readBack } from './read-back.ts';

/** The SHA-256 of a file's bytes on its disk; null when a part cannot be read. Throws as `node:fs` does. */
export async function sha256OnDisk(path: string): Promise<string | null> {
  const file = openCopy(path, 'plain');
  const hash = createHash('sha256');
  try {
    const { broken } = await readBack(file, { onBytes: (bytes) => void hash.update(bytes), afterStep: () => nextTurn() });
    return broken ? null : hash.digest('hex');
  } finally {
    closeSync(file.fd);
  }
}
