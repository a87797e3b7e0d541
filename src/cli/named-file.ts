import { CacheError, sentenceOf } from '../core/errors.ts';
import { readSmallFile } from '../runtime/small-file.ts';

/** The text of a file named on the command line, of at most `most` bytes. @throws CacheError BAD_REQUEST when it cannot be read */
export async function namedFile(path: string, most: number): Promise<string> {
  const bytes = await readSmallFile(path, most).catch((cause: unknown) => {
    throw new CacheError('BAD_REQUEST', sentenceOf(cause), { cause });
  });
  return bytes.toString();
}
