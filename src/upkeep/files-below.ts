import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';

/** Size of a batch, so that a directory of a hundred thousand files is never in memory as a whole. */
const batchSize = 32;

interface Which {
  /** Whether a file counts, and whether a directory is entered. */
  isMeant(entry: Dirent, directory: string): boolean;
  /** Whether an unreadable directory counts as empty. */
  skipsUnreadable?: boolean;
}

/**
 * The paths of all files below a directory, in batches; none where it is absent. Links are not followed.
 * @throws the error of reading a directory
 */
export async function* filesBelow(directory: string, which: Which): AsyncGenerator<string[]> {
  let batch: string[] = [];
  try {
    for await (const entry of await opendir(directory, { bufferSize: batchSize })) {
      if (!which.isMeant(entry, directory)) continue;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) yield* filesBelow(path, which);
      else if (entry.isFile()) batch.push(path);
      if (batch.length < batchSize) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    const isAllowed = errnoOf(error) === 'ENOENT' || (which.skipsUnreadable && meaningOf(error) !== null);
    if (!isAllowed) throw error;
  }
  if (batch.length > 0) yield batch;
}
