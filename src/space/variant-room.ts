import { CacheError } from '../core/errors.ts';
import type { Tier } from '../tiers/tier.ts';
import { leavingUnder, type RoomDeps, release } from './make-room.ts';

/**
 * Reserves room for a variant, which was asked for by name: copies leave for it whatever they are worth, unless they are pinned or in
 * use. None leaves where that would not be enough.
 * @throws CacheError CACHE_AWAY, TOO_LARGE, NO_SPACE
 */
export async function makeVariantRoom(
  deps: RoomDeps,
  tier: Tier,
  { path, bytes }: { path: string; bytes: number },
): Promise<void> {
  if (tier.state() !== 'here') throw new CacheError('CACHE_AWAY', 'the cache disk is away, or read-only');
  if (bytes > deps.bound(tier).limit) throw new CacheError('TOO_LARGE', 'the variant is larger than the limit of the cache');
  for (let released = false; ; ) {
    const { limit, floor } = deps.bound(tier);
    const free = tier.capacity().free - deps.outstanding(tier);
    const short = deps.catalog.variants.reserve(path, bytes, { limit, floor, free });
    if (short <= 0) return;
    if (await deps.giveWay?.(short)) continue;
    const leaving = await leavingUnder(deps, tier, { limit: limit - bytes, floor: floor + bytes });
    if (released || leaving.bytes < short) {
      if (await deps.giveWay?.(null)) continue;
      throw new CacheError('NO_SPACE', `${short} bytes are short for the variant, and the copies are pinned or in use`, {
        hint: 'Raise AUTOCACHE_LIMIT, remove another variant, or unpin something.',
      });
    }
    await release(deps, tier, short);
    released = true;
  }
}
