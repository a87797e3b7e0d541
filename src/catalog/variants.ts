import type { Fingerprint } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import type { Placements } from './placements.ts';

/** What is known of a finished variant. */
export interface VariantFacts {
  architecture: string;
  /** The lowest ratio of signal to noise of its layers, dB; null = none has an error. */
  leastSqnr: number | null;
  layers: number;
}

/** A model derived from another one. */
export interface VariantRow {
  path: string;
  /** The path of the model that it is made of; null where only the variant's file tells of it. */
  source: string | null;
  /** Size and mtime of the source when it was made. */
  fingerprint: Pick<Fingerprint, 'size' | 'mtimeNs'>;
  /** JSON. */
  recipe: string;
  state: 'wanted' | 'making' | 'ready';
  /** Of the file, or reserved for it. */
  bytes: number;
  facts: VariantFacts | null;
  /** Wall-clock ms. */
  createdAt: number;
}

interface Room {
  limit: number;
  free: number;
  floor: number;
}

interface Stored {
  path: string;
  source: string | null;
  source_size: number;
  source_mtime_ns: string;
  recipe: string;
  state: VariantRow['state'];
  bytes: number;
  facts: string | null;
  created_at: number;
}

/** The variants: wanted, being made, ready. They are the user's, made on purpose: nothing here leaves for copies. */
export class Variants {
  readonly #db: Database;
  readonly #placements: Placements;
  readonly #clock: Clock;

  constructor(db: Database, { placements, clock }: { placements: Placements; clock: Clock }) {
    this.#db = db;
    this.#placements = placements;
    this.#clock = clock;
  }

  /** Notes that a variant is wanted, in place of what was known under its path. */
  want({ path, source, fingerprint, recipe }: Pick<VariantRow, 'path' | 'source' | 'fingerprint' | 'recipe'>): void {
    this.#put({ path, source, fingerprint, recipe, state: 'wanted', bytes: 0, facts: null });
  }

  /** Enters a finished one. */
  enter(row: Omit<VariantRow, 'state' | 'createdAt'>): void {
    this.#put({ ...row, state: 'ready' });
  }

  /** Law 3, as for copies. @returns the bytes that must leave first; 0 = it is reserved */
  reserve(path: string, bytes: number, { limit, free, floor }: Room): number {
    return this.#db.transaction(() => {
      const before = this.byPath(path)?.bytes ?? 0;
      const used = this.#placements.usedUnderLimit('ssd') - before;
      const short = Math.max(used + bytes - limit, floor - (free - bytes));
      if (short > 0) return short;
      this.#db.run(`UPDATE variants SET state = 'making', bytes = ? WHERE path = ?`, bytes, path);
      return 0;
    });
  }

  /** The file is under its name. */
  finish(path: string, bytes: number, facts: VariantFacts): void {
    const sql = `UPDATE variants SET state = 'ready', bytes = ?, facts = ? WHERE path = ?`;
    this.#db.run(sql, bytes, JSON.stringify(facts), path);
  }

  forget(path: string): void {
    this.#db.run('DELETE FROM variants WHERE path = ?', path);
  }

  byPath(path: string): VariantRow | undefined {
    const row = this.#db.get<Stored>('SELECT * FROM variants WHERE path = ?', path);
    return row && rowOf(row);
  }

  count(): number {
    return this.#db.get<{ count: number }>('SELECT count(*) AS count FROM variants')?.count ?? 0;
  }

  /** All, by path. */
  all(): VariantRow[] {
    return this.#db.all<Stored>('SELECT * FROM variants ORDER BY path').map(rowOf);
  }

  #put({ path, source, fingerprint, recipe, state, bytes, facts }: Omit<VariantRow, 'createdAt'>): void {
    this.#db.run(
      'INSERT OR REPLACE INTO variants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      path,
      source,
      fingerprint.size,
      fingerprint.mtimeNs,
      recipe,
      state,
      bytes,
      facts && JSON.stringify(facts),
      this.#clock.now(),
    );
  }
}

function rowOf(row: Stored): VariantRow {
  const { path, source, recipe, state, bytes } = row;
  const fingerprint = { size: row.source_size, mtimeNs: row.source_mtime_ns };
  const facts = row.facts === null ? null : (JSON.parse(row.facts) as VariantFacts);
  return { path, source, fingerprint, recipe, state, bytes, facts, createdAt: row.created_at };
}
