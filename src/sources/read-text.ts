import { statSync } from 'node:fs';
import { readSmallFile } from '../runtime/small-file.ts';
import { decodeUtf8 } from '../runtime/utf8.ts';

const mostText = 1024 * 1024;

/**
 * A small text file; null when there is none.
 * @throws errors of the file system; Error for a pipe or a large file; CacheError BAD_CONFIG when it is not UTF-8
 */
export async function readText(path: string): Promise<string | null> {
  if (!statSync(path, { throwIfNoEntry: false })) return null;
  return decodeUtf8(await readSmallFile(path, mostText), path);
}
