import { CacheError, messageOf } from '../core/errors.ts';
import type { Given } from './env.ts';

/** What is wrong with a value, in one line: where it was set, its key, and the trouble. */
export function problemLine(given: Given, thrown: unknown): string {
  return withoutSecrets(`${given.from}: ${given.key}: ${messageOf(thrown)}`);
}

/** The value that `parse` makes of what was given. @throws CacheError BAD_CONFIG with the problem line */
export function parseGiven<V>(given: Given, parse: (text: string) => V): V {
  try {
    return parse(given.text);
  } catch (error) {
    throw new CacheError('BAD_CONFIG', problemLine(given, error), { cause: error });
  }
}

/** Text that may be shown: the user and password of an address are left out. */
export function withoutSecrets(text: string): string {
  return text.replace(/:\/\/[^/\s]*@/g, '://***@');
}
