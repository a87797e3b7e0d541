import { CacheError } from '../core/errors.ts';

/**
 * The text of a file that people write. A byte order mark is left out.
 * @throws CacheError BAD_CONFIG for UTF-16, which Windows PowerShell 5 writes, Latin-1 and the like, in which no word would be found
 */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  const isText = !bytes.includes(0);
  try {
    if (isText) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Said below.
  }
  throw new CacheError('BAD_CONFIG', `${file} is not UTF-8 text; save it as UTF-8`);
}
