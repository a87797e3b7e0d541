import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

const mostText = 1024 * 1024;

/** A small text file; null when there is none. @throws errors of the file system */
export async function readText(path: string): Promise<string | null> {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return null;
  if (size > mostText) throw new Error(`${path} has ${size} bytes; a text of at most ${mostText} was expected`);
  return readFile(path, 'utf8');
}
