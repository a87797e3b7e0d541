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

/** What an error means that came while the contents of a source were read. */
export function readError(error: unknown): CacheError {
  const code = readCodes[meaningOf(error) ?? 'io'] ?? 'SOURCE_IO';
  return new CacheError(code, `reading the source failed: ${messageOf(error)}`, { cause: error });
}

/**
 * What an error means that came while names were looked at. No content was read: an input/output error is one of the volume. That
 * something is not there is an answer, and an error only for one who needs it.
 */
export function lookError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new CacheError('CANCELLED', error.message, { cause: error });
  const meaning = meaningOf(error);
  const code = meaning === 'away' || meaning === 'io' ? 'SOURCE_AWAY' : 'SOURCE_IO';
  return new CacheError(code, messageOf(error), { cause: error });
}

/** What an error means that came while the cache disk was written to. */
export function writeError(error: unknown): CacheError {
  if (meaningOf(error) === 'full') return new CacheError('NO_SPACE', 'the cache disk is full', { cause: error });
  return new CacheError('CACHE_IO', `writing the copy failed: ${messageOf(error)}`, { cause: error });
}
