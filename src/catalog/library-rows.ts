import { type CopyState, type TierName, tierNames } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';
import { inPages, pageSize } from './pages.ts';

/** An entry and the totals of its copies, for a list of all files. */
export interface LibraryRow {
  id: number;
  path: string;
  root: string;
  rel: string;
  category: string | null;
  size: number;
  uses: number;
  /** Logical time of the last use. */
  lastUse: number;
  /** Wall-clock ms. */
  lastUsedAt: number | null;
  pinned: boolean;
  /** Tiers with a copy in service, the fastest first. */
  tiers: TierName[];
  /** There is a copy of an older source. */
  stale: boolean;
  /** Bytes of the copies; bytes with several names count for the first of them. */
  cachedBytes: number;
}

type Row = Omit<LibraryRow, 'pinned' | 'tiers' | 'stale' | 'cachedBytes'> & { pinned: number; copies: string | null };

const select = `SELECT e.id, e.path, e.root, e.rel, e.category, e.size, e.uses, e.last_use AS lastUse,
    e.last_used_at AS lastUsedAt, e.pinned,
    (SELECT json_group_array(json_array(c.tier, c.state,
        iif(c.id = (SELECT min(o.id) FROM copies o WHERE o.placement_id = c.placement_id), p.bytes, 0)))
      FROM copies c JOIN placements p ON p.id = c.placement_id
      WHERE c.entry_id = e.id AND c.state IN ('ready', 'stale')) AS copies
  FROM entries e WHERE e.id > ? ORDER BY e.id LIMIT ?`;

/** All entries, a page at a time: between two of them the caller may pause. */
export function* libraryRows(db: Database): Generator<LibraryRow> {
  for (const row of inPages((after) => db.all<Row>(select, after, pageSize))) yield libraryRow(row);
}

function libraryRow({ copies, pinned, ...row }: Row): LibraryRow {
  const all = JSON.parse(copies ?? '[]') as [TierName, CopyState, number][];
  const ready = all.filter(([, state]) => state === 'ready').map(([tier]) => tier);
  return {
    ...row,
    pinned: pinned === 1,
    tiers: tierNames.filter((tier) => ready.includes(tier)),
    stale: all.some(([, state]) => state === 'stale'),
    cachedBytes: all.reduce((sum, [, , bytes]) => sum + bytes, 0),
  };
}
