import type { WarmHost, WarmRequest } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import type { Wanted } from '../usage/warmer.ts';
import type { Services } from './services.ts';

/**
 * Asks other hosts of the farm to copy the files of a request too. A file below no model folder has no name on other hosts.
 * @returns null when the request is about this host only @throws CacheError BAD_REQUEST without a farm
 */
export function warmOthers(
  { hosts, ram, check, wait }: WarmRequest,
  asks: readonly Wanted['ask'][],
  { farm, roots }: Pick<Services, 'farm' | 'roots'>,
): Promise<WarmHost[]> | null {
  if (hosts === undefined) return null;
  if (farm === null) {
    throw new CacheError('BAD_REQUEST', 'this host is in no farm', { hint: 'docs/FARM.md tells how hosts join one.' });
  }
  if (ram)
    throw new CacheError('BAD_REQUEST', 'the memory of other hosts is their own affair: give "ram" or "hosts", not both');
  const files = asks.flatMap((ask) => {
    const path = 'path' in ask ? ask.path : null;
    const named = 'path' in ask ? roots.nameOf(ask.path) : ask;
    return named ? [{ name: `${named.category}/${named.name}`, path }] : [];
  });
  return farm.warmOthers(files, { hosts, check, wait });
}
