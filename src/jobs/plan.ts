import type { Catalog } from '../catalog/catalog.ts';
import { sharesQuota, tierTraits } from '../core/tier-traits.ts';
import type { AdoptionWay, Copy, SourceFile, TierName } from '../core/types.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Recipe } from '../variants/recipe.ts';
import { equalOrigin } from './duplicates.ts';

/** A file of another cache that may have the bytes of a source. */
export interface Adoption {
  from: string;
  way: AdoptionWay;
}

/** A variant to make of a source. */
export interface Variant {
  /** Its own path. */
  path: string;
  recipe: Recipe;
  /** Its foreseen size and its maximum size, bytes. */
  expected: number;
  most: number;
  /** The mtime of the former variant that it replaces, ns; null = none. */
  replaces: string | null;
}

/** How a job makes its copy, with the needs of that kind. */
export type Plan =
  | { kind: 'copy' | 'link' }
  | { kind: 'restore'; origin: Copy }
  | ({ kind: 'adopt' } & Adoption)
  | { kind: 'derive'; variant: Variant }
  /** Null when the copy to compress has left. */
  | { kind: 'compress'; origin: Copy | null };

interface Places {
  catalog: Catalog;
  tiers: Tiers;
}

/** The plan for this source's copy in this tier, at this moment; only a later comparison can make it a `link`. */
export function planOf(wanted: { file: SourceFile; tier: TierName }, places: Places): Plan {
  const origin = originOf(wanted, places);
  if (tierTraits[wanted.tier].form === 'compressed') return { kind: 'compress', origin };
  return origin ? { kind: 'restore', origin } : { kind: 'copy' };
}

/** The fastest sound copy of the same bytes, this source's in another tier or that of another source; null = none. */
function originOf({ file, tier }: { file: SourceFile; tier: TierName }, { catalog, tiers }: Places): Copy | null {
  const entry = catalog.entries.byPath(file.path);
  if (!entry) return null;
  const isCompressing = tierTraits[tier].form === 'compressed';
  // A compressed copy replaces the copy it is made of.
  const suits = (copy: Copy) =>
    copy.tier !== tier && (!isCompressing || (copy.form === 'plain' && sharesQuota(copy.tier, tier)));
  const own = tiers.soundCopy(catalog.copies.readyOf(entry.id).filter(suits), file.fingerprint);
  return own ?? (isCompressing ? null : equalOrigin(entry, file, tier, { catalog, tiers }));
}
