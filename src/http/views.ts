import type { EntryView } from '../api/api.ts';
import type { TierUseView } from '../api/entries.ts';
import type { TierUse } from '../catalog/tier-uses.ts';
import type { Entry } from '../core/types.ts';
import type { Services } from './services.ts';

/** An entry as the API shows it. */
export function viewOf(entry: Entry, { catalog, leases, tiers }: Pick<Services, 'catalog' | 'leases' | 'tiers'>): EntryView {
  const copies = catalog.copies.ofEntry(entry.id);
  return {
    id: entry.id,
    path: entry.path,
    root: entry.root,
    name: entry.rel,
    category: entry.category,
    size: entry.fingerprint.size,
    mtimeNs: entry.fingerprint.mtimeNs,
    uses: entry.uses,
    lastUsedAt: isoOf(entry.lastUsedAt),
    pinned: entry.pinned,
    leased: copies.some((copy) => leases.isLeased(copy.path)),
    copies: copies.map(({ tier, path, state, bytes, hash, createdAt }) => {
      const isAway = state === 'ready' && tiers.get(tier)?.state() === 'away';
      return { tier, path, state: isAway ? 'away' : state, bytes, hash, createdAt: isoOf(createdAt) };
    }),
  };
}

/** The activity of a tier, as the API shows it. */
export function tierUseView({ hits, evictions, rejected, loads, loadMs }: TierUse): TierUseView {
  return { hits, evictions, rejected, loads, averageLoadMs: loads === 0 ? null : loadMs / loads };
}

function isoOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
