import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { decodeUtf8 } from '../runtime/utf8.ts';

const mostText = 1024 * 1024;

/** A small text file; null when there is none. @throws what the file system says, or CacheError BAD_CONFIG when it is not UTF-8 */
export async function readText(path: string): Promise<string | null> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return null;
  if (size > mostText) throw new Error(`${path} has ${size} bytes; a text of at most ${mostText} was expected`);
  return decodeUtf8(await readFile(path), path);
}
