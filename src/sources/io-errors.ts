import { CacheError, type ErrorCode, messageOf } from '../core/errors.ts';
import { type ErrnoMeaning, meaningOf } from '../runtime/errnos.ts';

const readCodes: Partial<Record<ErrnoMeaning, ErrorCode>> = { missing: 'SOURCE_MISSING', away: 'SOURCE_AWAY' };

/** Runs one call on the source and says in our words how it failed. */
export function reading<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readError(error);
  }
}

/** Runs one call on the cache disk and says in our words how it failed. */
export function writing<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw writeError(error);
  }
}

export function readError(error: unknown): CacheError {
  const code = readCodes[meaningOf(error) ?? 'io'] ?? 'SOURCE_IO';
  return new CacheError(code, `reading the source failed: ${messageOf(error)}`, { cause: error });
}

export function writeError(error: unknown): CacheError {
  if (meaningOf(error) === 'full') return new CacheError('NO_SPACE', 'the cache disk is full', { cause: error });
  return new CacheError('CACHE_IO', `writing the copy failed: ${messageOf(error)}`, { cause: error });
}
