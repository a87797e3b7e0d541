import { CacheError } from '../core/errors.ts';

/** What is wrong with a compressed file, as an error that says what to do. */
export function corrupt(why: string, cause?: unknown): CacheError {
  return new CacheError('CORRUPT', `the compressed file is damaged: ${why}`, {
    hint: 'remove it; it is made again from its source',
    cause,
  });
}
