import { CacheError } from '../core/errors.ts';

/** UTF-16 without a byte order mark: in plain words every second byte is NUL. */
const utf16 = /^(?:[^\0]\0){2}|^(?:\0[^\0]){2}/;

/**
 * The text of a hand-written file, without a byte order mark.
 * @throws CacheError BAD_CONFIG for UTF-16 (written by Windows PowerShell 5), Latin-1 and the like, which would be unreadable, and for a
 * file with NUL bytes, which a power cut can leave
 */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  const text = decoded(bytes);
  if (text === null || utf16.test(text)) throw new CacheError('BAD_CONFIG', `${file} is not UTF-8 text; save it as UTF-8`);
  if (!text.includes('\0')) return text;
  throw new CacheError('BAD_CONFIG', `${file} has NUL bytes in it: it is damaged, or no text; write it anew`);
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
