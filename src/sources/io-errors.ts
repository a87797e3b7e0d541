import { CacheError, type ErrorCode, errnoOf, messageOf } from '../core/errors.ts';

const awayCodes = new Set(['ENOTCONN', 'ESTALE', 'EHOSTDOWN', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENETUNREACH', 'ENODEV', 'ENXIO']);

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
  const errno = errnoOf(error) ?? '';
  const code: ErrorCode = errno === 'ENOENT' ? 'SOURCE_MISSING' : awayCodes.has(errno) ? 'SOURCE_AWAY' : 'SOURCE_IO';
  return new CacheError(code, `reading the source failed: ${messageOf(error)}`, { cause: error });
}

export function writeError(error: unknown): CacheError {
  const errno = errnoOf(error) ?? '';
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return new CacheError('NO_SPACE', 'the cache disk is full', { cause: error });
  return new CacheError('CACHE_IO', `writing the copy failed: ${messageOf(error)}`, { cause: error });
}
