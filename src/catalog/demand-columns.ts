import { type Demand, type Habits, noHabits } from '../core/demand.ts';
import { type Votes, votesAt } from '../core/votes.ts';
import type { Database } from '../sqlite/database.ts';

/** Demand as a column: eight-byte doubles, the counts last. */
export function demandBytes({ wishedAt, usedAt, burstAt, bursts, counts }: Demand): Buffer {
  return Buffer.from(new Float64Array([wishedAt, usedAt, burstAt, bursts, ...counts]).buffer);
}

/** The demand in a column; null when it has none. */
export function demandOf(bytes: Buffer | null): Demand | null {
  if (!bytes) return null;
  const [wishedAt = 0, usedAt = 0, burstAt = 0, bursts = 0, ...counts] = new Float64Array(new Uint8Array(bytes).buffer);
  return { wishedAt, usedAt, burstAt, bursts, counts };
}

/** Habits learned from the wishes of all sources, kept in the catalog. Read again only after a write. */
export class SavedHabits {
  readonly #db: Database;
  #known: { habits: Habits | null; version: number } | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Null before the first use. */
  get(): Habits | null {
    const { version } = this.#db;
    if (this.#known?.version !== version) {
      const row = this.#db.get<{ value: string }>('SELECT value FROM habits');
      this.#known = { habits: row ? (JSON.parse(row.value) as Habits) : null, version };
    }
    return this.#known.habits;
  }

  set(habits: Habits): void {
    this.#db.run('INSERT OR REPLACE INTO habits VALUES (1, ?)', JSON.stringify(habits));
  }

  /** Habits before the first use, from the votes of sources: a catalog may be older than its habits. @param now wall-clock ms */
  first(now: number): Habits {
    const rows = this.#db.all<Votes>('SELECT votes, voted_at AS votedAt FROM entries WHERE voted_at IS NOT NULL');
    const total = rows.reduce((sum, votes) => sum + votesAt(votes, now), 0);
    const habits = noHabits(now);
    return { ...habits, totals: habits.totals.map(() => total) };
  }
}
