import { randomBytes } from 'node:crypto';
import { tokenPattern } from '../api/daemon-file.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { readPrivately, writePrivately } from '../runtime/private-file.ts';

/**
 * The token of this run of the daemon. It is new, so that the token of an earlier run, whose port another program may have by now,
 * is of no use. It stays from run to run only in a file that the user names for programs in containers.
 * @param kept that file, or null
 * @throws CacheError BAD_CONFIG
 */
export function tokenOf(kept: string | null): string {
  const fresh = randomBytes(32).toString('hex');
  if (kept === null) return fresh;
  try {
    const token = readPrivately(kept, 'ours').trim();
    if (tokenPattern.test(token)) return token;
  } catch (error) {
    if (meaningOf(error) !== 'missing') throw unusable(sentenceOf(error), error);
    writePrivately(kept, `${fresh}\n`);
    return fresh;
  }
  throw unusable(`${kept} does not hold a token`);
}

function unusable(why: string, cause?: unknown): CacheError {
  return new CacheError('BAD_CONFIG', `AUTOCACHE_TOKEN_FILE: ${why}`, {
    hint: 'A token is 64 hexadecimal digits; a file that does not exist is made.',
    cause,
  });
}
