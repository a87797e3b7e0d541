import type { Catalog } from '../catalog/catalog.ts';
import { sharesQuota, tierTraits } from '../core/tier-traits.ts';
import type { Copy, SourceFile, TierName } from '../core/types.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { equalOrigin } from './duplicates.ts';

/** How a job makes its copy, with what that kind needs. */
export type Plan =
  | { kind: 'copy' | 'link' }
  | { kind: 'restore'; origin: Copy }
  /** Null when the copy that was to be compressed has left. */
  | { kind: 'compress'; origin: Copy | null };

interface Places {
  catalog: Catalog;
  tiers: Tiers;
}

/** How a copy of this source into this tier is made as things are now; whether it can be a `link` is found out by looking. */
export function planOf(wanted: { file: SourceFile; tier: TierName }, places: Places): Plan {
  const origin = originOf(wanted, places);
  if (tierTraits[wanted.tier].form === 'compressed') return { kind: 'compress', origin };
  return origin ? { kind: 'restore', origin } : { kind: 'copy' };
}

/** The fastest sound copy of the same bytes, its own in another tier or that of another source; null = there is none. */
function originOf({ file, tier }: { file: SourceFile; tier: TierName }, { catalog, tiers }: Places): Copy | null {
  const entry = catalog.entries.byPath(file.path);
  if (!entry) return null;
  const isCompressing = tierTraits[tier].form === 'compressed';
  // What is compressed takes the place of the copy that it is made of.
  const suits = (copy: Copy) =>
    copy.tier !== tier && (!isCompressing || (copy.form === 'plain' && sharesQuota(copy.tier, tier)));
  const own = tiers.soundCopy(catalog.copies.readyOf(entry.id).filter(suits), file.fingerprint);
  return own ?? (isCompressing ? null : equalOrigin(entry, file, tier, { catalog, tiers }));
}
