import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { Tier } from '../tiers/tier.ts';
import { leavingUnder, type RoomDeps, release } from './make-room.ts';

interface Wanted {
  path: string;
  bytes: number;
}

export interface VariantRoomDeps extends RoomDeps {
  /** Maximum size of all variants, bytes. */
  variantsLimit(): number;
}

/**
 * Refuses a variant that would exceed the limit of variants with the others. A remade one counts beside its former one.
 * @param promised expected size of other pending variants without a reservation, bytes
 * @throws CacheError TOO_LARGE, NO_SPACE
 */
export function assertVariantFits(
  { catalog, variantsLimit }: Pick<VariantRoomDeps, 'catalog' | 'variantsLimit'>,
  { path, bytes }: Wanted,
  promised = 0,
): void {
  const limit = variantsLimit();
  const taken = catalog.placements.variantBytes() - (catalog.variants.order(path)?.bytes ?? 0) + promised;
  if (taken + bytes <= limit) return;
  const message = `variants may take ${formatBytes(limit)} and have ${formatBytes(taken)}; this one needs ${formatBytes(bytes)}`;
  const hint = 'autocached variant rm removes one; AUTOCACHE_VARIANTS_LIMIT is what they may take.';
  throw new CacheError(bytes > limit ? 'TOO_LARGE' : 'NO_SPACE', message, { hint });
}

/**
 * Reserves room for a variant. A user asked for it by name, so copies leave for it whatever their worth, unless they are pinned or in
 * use. None leaves if that would not be enough.
 * @throws CacheError CACHE_AWAY, TOO_LARGE, NO_SPACE
 */
export async function makeVariantRoom(deps: VariantRoomDeps, tier: Tier, { path, bytes }: Wanted): Promise<void> {
  if (tier.state() !== 'here') throw new CacheError('CACHE_AWAY', 'the cache disk is away, or read-only');
  if (bytes > deps.bound(tier).limit) throw new CacheError('TOO_LARGE', 'the variant is larger than the limit of the cache');
  assertVariantFits(deps, { path, bytes });
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
