import { CacheError, type ErrorCode, messageOf } from '../core/errors.ts';
import { type ErrnoMeaning, meaningOf } from '../runtime/errnos.ts';

const readCodes: Partial<Record<ErrnoMeaning, ErrorCode>> = {
  missing: 'SOURCE_MISSING',
  away: 'SOURCE_AWAY',
  denied: 'NOT_PERMITTED',
};

/** Codes for errors while names are read: an input/output error is then one of the volume, because no content was read. */
const lookCodes: Partial<Record<ErrnoMeaning, ErrorCode>> = { away: 'SOURCE_AWAY', io: 'SOURCE_AWAY', denied: 'NOT_PERMITTED' };

/** Runs one call on the source and translates its errors. */
export function reading<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readError(error);
  }
}

/** Runs one call on the cache disk and translates its errors. */
export function writing<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw writeError(error);
  }
}

/** Translates an error from reading the contents of a source. */
export function readError(error: unknown): CacheError {
  const code = readCodes[meaningOf(error) ?? 'io'] ?? 'SOURCE_IO';
  return new CacheError(code, `reading the source failed: ${messageOf(error)}`, { cause: error });
}

/**
 * Translates an error from looking up names. Absence is an answer, and an error only for callers that need the file.
 */
export function lookError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  if (error instanceof Error && error.name === 'AbortError')
    return new CacheError('CANCELLED', error.message, { cause: error });
  const code = lookCodes[meaningOf(error) ?? 'unsupported'] ?? 'SOURCE_IO';
  return new CacheError(code, messageOf(error), { cause: error });
}

/** Translates an error from writing to the cache disk. */
export function writeError(error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  if (meaningOf(error) === 'full') return new CacheError('NO_SPACE', 'the cache disk is full', { cause: error });
  return new CacheError('CACHE_IO', `writing the copy failed: ${messageOf(error)}`, { cause: error });
}

/** The same for a promise: `work.catch(asWriteError)`. */
export function asWriteError(error: unknown): never {
  throw writeError(error);
}
