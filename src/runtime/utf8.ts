import { CacheError } from '../core/errors.ts';

/**
 * The text of a hand-written file, without a byte order mark.
 * @throws CacheError BAD_CONFIG for UTF-16 (written by Windows PowerShell 5), Latin-1 and the like: no word would be found in them
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
