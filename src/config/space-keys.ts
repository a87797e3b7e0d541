import { expected, parseDuration } from '../core/units.ts';
import type { Key } from './key.ts';
import type { Amount, Config } from './types.ts';
import { bounds, moreThanZero, parseCategory, parseLimit, parseQuota, parseWater } from './values.ts';

type SpaceField = 'quotas' | 'maxAgeMs' | 'highWater' | 'lowWater' | 'variantsLimit';

/** The keys of bounds within the cache's limit; a part of the table in `keys.ts`. */
export const spaceKeys: { readonly [F in SpaceField]: Key<Config[F]> } = {
  quotas: {
    name: 'AUTOCACHE_QUOTAS',
    default: '',
    meaning: 'most bytes, or share of the limit, for copies of a category, such as loras=20GiB,checkpoints=60%; empty = none',
    live: true,
    parse: parseQuotas,
  },
  maxAgeMs: {
    name: 'AUTOCACHE_MAX_AGE',
    default: 'none',
    meaning: 'idle time after which copies are evicted, such as 90d; none = they stay until room is needed',
    live: true,
    parse: moreThanZero(parseDuration, 'none'),
  },
  highWater: {
    name: 'AUTOCACHE_HIGH_WATER',
    default: '100%',
    meaning:
      'share of the limit above which the least valuable copies leave ahead of need, so that no copy waits for it; 100% = never',
    live: true,
    parse: parseWater,
  },
  lowWater: {
    name: 'AUTOCACHE_LOW_WATER',
    default: '90%',
    meaning: 'share of the limit down to which they then leave',
    live: true,
    parse: parseWater,
  },
  variantsLimit: {
    name: 'AUTOCACHE_VARIANTS_LIMIT',
    default: 'auto',
    meaning:
      'most bytes of variants, as a part of AUTOCACHE_LIMIT: 40GiB, 30% of it, or auto (half of it); none is made beyond it',
    live: true,
    parse: parseLimit,
  },
};

/** `loras=20GiB,checkpoints=60%` */
function parseQuotas(text: string): Config['quotas'] {
  const { overall, by } = bounds<string, Amount | null>({ name: parseCategory, value: parseQuota, overall: null })(text);
  if (overall !== null) throw expected('categories with sizes such as loras=20GiB,checkpoints=60%', text);
  return by as Config['quotas'];
}
