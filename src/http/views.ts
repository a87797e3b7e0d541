import type { EntryView } from '../api/api.ts';
import type { Entry } from '../core/types.ts';
import type { Services } from './services.ts';

/** An entry as the API shows it. */
export function viewOf(entry: Entry, { catalog, leases }: Pick<Services, 'catalog' | 'leases'>): EntryView {
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
    lastUsedAt: entry.lastUsedAt === null ? null : new Date(entry.lastUsedAt).toISOString(),
    pinned: entry.pinned,
    leased: copies.some((copy) => leases.isLeased(copy.path)),
    copies: copies.map(({ tier, path, state, bytes, hash }) => ({ tier, path, state, bytes, hash })),
  };
}
