import type { TierName } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';
import type { Entries } from './entries.ts';

/** Activity of a tier for one file, or for all. */
export interface TierUse {
  /** Loads that it answered. */
  hits: number;
  evictions: number;
  /** Copies not made: there was no room, or worthier ones would have had to leave. */
  rejected: number;
  /** Loads whose duration programs have reported, and the sum of these durations, ms. */
  loads: number;
  loadMs: number;
}

interface Count extends TierUse {
  tier: TierName;
  path: string;
}

const fields = ['hits', 'evictions', 'rejected', 'loads', 'loadMs'] as const;
const none: Readonly<TierUse> = { hits: 0, evictions: 0, rejected: 0, loads: 0, loadMs: 0 };
const columns = 'hits, evictions, rejected, loads, load_ms AS loadMs';
/** The row of a whole tier, which stays when entries are forgotten. */
const all = 0;

/** Uses of tiers by file and in sum, gathered in memory until `write`. */
export class TierUses {
  readonly #db: Database;
  readonly #entries: Entries;
  #counts = new Map<string, Count>();

  constructor(db: Database, entries: Entries) {
    this.#db = db;
    this.#entries = entries;
  }

  /** @param path of the source */
  add(tier: TierName, path: string, part: Partial<TierUse>): void {
    const key = `${tier}:${path}`;
    const count = this.#counts.get(key) ?? { tier, path, ...none };
    for (const field of fields) count[field] += part[field] ?? 0;
    this.#counts.set(key, count);
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Writes the gathered counts; to be called in a transaction, and `written` after it. */
  write(): void {
    for (const count of this.#counts.values()) {
      const entry = this.#entries.byPath(count.path)?.id;
      for (const id of entry === undefined ? [all] : [all, entry]) this.#writeRow(id, count);
    }
  }

  written(): void {
    this.#counts.clear();
  }

  /** Uses of the whole tier, as far as written. */
  total(tier: TierName): TierUse {
    return this.#db.get<TierUse>(`SELECT ${columns} FROM tier_uses WHERE entry_id = ? AND tier = ?`, all, tier) ?? none;
  }

  /** Uses of one file by tier, as far as written. */
  ofEntry(id: number): (TierUse & { tier: TierName })[] {
    return this.#db.all(`SELECT tier, ${columns} FROM tier_uses WHERE entry_id = ?`, id);
  }

  #writeRow(id: number, { tier, hits, evictions, rejected, loads, loadMs }: Count): void {
    this.#db.run(
      `INSERT INTO tier_uses VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         hits = hits + excluded.hits, evictions = evictions + excluded.evictions, rejected = rejected + excluded.rejected,
         loads = loads + excluded.loads, load_ms = load_ms + excluded.load_ms`,
      id,
      tier,
      hits,
      evictions,
      rejected,
      loads,
      loadMs,
    );
  }
}
