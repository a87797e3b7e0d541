import type { MemoStats } from '../api/memo.ts';
import type { ManagedParts } from './managed-parts.ts';
import type { Store } from './store.ts';
import { noTotals } from './usage.ts';

const MiB = 2 ** 20;

/** The usual figures of a cache of results, and autocached's own. */
export function statsOf(
  { mode, state, bound, flights, served, lateRefusals, shared, ramBytes }: Omit<ManagedParts, 'opened'>,
  store: Store | null,
): MemoStats {
  const totals = store?.usage.totals() ?? noTotals();
  const { items, bytes, blobs } = store?.held() ?? { items: 0, bytes: 0, blobs: 0 };
  const { items: mostItems, limit } = bound();
  return {
    ...totals,
    hit_rate: percentage(totals.hits, totals.hits + totals.misses),
    current_items: items,
    current_memory_mb: megabytes(bytes),
    max_items: mostItems,
    max_memory_mb: megabytes(limit),
    memory_utilization: percentage(bytes, limit),
    mode: mode(),
    state: state(),
    ...{ bytes, limit, blobs },
    reserved: store?.room.reservedBytes ?? 0,
    ram: store?.ram ?? { items: 0, bytes: 0, limit: ramBytes },
    layers: served.totals(),
    shared: shared?.stats() ?? null,
    refusedLate: lateRefusals.total,
    computing: flights.computing,
    waiting: flights.waiting,
    comparisons: store?.classes.comparisons() ?? { agreed: 0, disagreed: 0, unrepeatable: [] },
  };
}

/** Exact to a byte, so that small results do not show as 0. */
function megabytes(bytes: number): number {
  return Number((bytes / MiB).toFixed(6));
}

/** `75%`, `66.7%`. */
function percentage(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Number(((100 * part) / whole).toFixed(1))}%`;
}
