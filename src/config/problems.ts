import { CacheError, messageOf } from '../core/errors.ts';
import type { Given } from './env.ts';

/** The problem with a value, in one line: its origin, its key, and the trouble. */
export function problemLine(given: Given, thrown: unknown): string {
  return withoutSecrets(`${given.from}: ${given.key}: ${messageOf(thrown)}`);
}

/** Parses a given value. @throws CacheError BAD_CONFIG with the problem line */
export function parseGiven<V>(given: Given, parse: (text: string) => V): V {
  try {
    return parse(given.text);
  } catch (error) {
    throw new CacheError('BAD_CONFIG', problemLine(given, error), { cause: error });
  }
}

/** Text that may be shown: without the user and password of an address. */
export function withoutSecrets(text: string): string {
  return text.replace(/:\/\/[^/\s]*@/g, '://***@');
}
