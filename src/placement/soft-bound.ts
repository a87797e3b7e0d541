import type { Catalog } from '../catalog/catalog.ts';
import type { Bound } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';

export interface SoftBoundDeps {
  catalog: Catalog;
  bound(tier: Tier): Bound;
  /** Share of the limit, 0..1. */
  ramSoft(): number;
}

/**
 * The soft limit of memory. Requested copies may exceed it, as may others until the next trimming. A single copy that is larger moves
 * the bound, so that it stays until the policy prefers others.
 */
export function softBound({ catalog, bound, ramSoft }: SoftBoundDeps, tier: Tier): Bound {
  const { limit, floor } = bound(tier);
  return { limit: Math.min(limit, Math.max(ramSoft() * limit, catalog.placements.largestBytes(tier.name))), floor };
}
