import { CacheError } from '../core/errors.ts';
import type { S3Remote, SharedStore } from '../core/remote.ts';
import { parseSize } from '../core/units.ts';
import { parseRemote } from './remotes.ts';
import { moreThanZero } from './values.ts';

const parameters = ['endpoint', 'region', 'profile', 'style', 'proxy', 'limit'];

/**
 * `s3://bucket/prefix?endpoint=https://host:9000&limit=2TiB`; null for an empty text.
 * @throws CacheError BAD_REQUEST, without the text: it may hold a secret
 */
export function parseSharedStore(text: string): SharedStore | null {
  if (text === '') return null;
  const [address = '', query = ''] = text.split(/\?(.*)/s);
  if (!/^s3:\/\//i.test(address))
    throw unusable('expected an address such as s3://bucket?endpoint=https://host:9000&limit=2TiB');
  const parts = query.split('&').filter((part) => part !== '');
  const isLimit = (part: string) => part.startsWith('limit=');
  const [limit, ...more] = parts.filter(isLimit);
  if (limit === undefined || more.length > 0)
    throw unusable('it needs its limit, as in s3://bucket?limit=2TiB: a bucket has no end');
  const others = parts.filter((part) => !isLimit(part));
  // A secret among them is refused by name, as in any remote.
  const at = parseRemote(`shared=${address}?${others.join('&')}`) as S3Remote;
  const unknown = others.map((part) => part.replace(/=.*/s, '')).find((name) => !parameters.includes(name));
  if (unknown !== undefined) throw unusable(`"${unknown}" is no parameter; there are ${parameters.join(', ')}`);
  return { at, limit: limitOf(limit.slice('limit='.length)) };
}

function limitOf(text: string): number {
  const limit = moreThanZero(parseSize, '')(text);
  if (limit === null) throw unusable('its limit is a size such as 2TiB');
  return limit;
}

function unusable(why: string): CacheError {
  return new CacheError('BAD_REQUEST', why);
}
