import { CacheError } from '../core/errors.ts';

/** The error for a damaged compressed file, with the damage and the remedy. */
export function corrupt(why: string, cause?: unknown): CacheError {
  return new CacheError('CORRUPT', `the compressed file is damaged: ${why}`, {
    hint: 'remove it; it is made again from its source',
    cause,
  });
}
