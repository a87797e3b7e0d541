import type { Fingerprint } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import type { Placements } from './placements.ts';

/** Facts of a finished variant. */
interface VariantFacts {
  architecture: string;
  /** The lowest ratio of signal to noise of its layers, dB; null = none has an error. */
  leastSqnr: number | null;
  layers: number;
}

/** A model derived from another one, whole under its name. */
export interface VariantRow {
  path: string;
  /** The path of the model that it is made of; null where only the variant's file tells of it. */
  source: string | null;
  /** Fingerprint of the source when it was made. */
  fingerprint: Fingerprint;
  /** JSON. */
  recipe: string;
  /** Bytes of the file. */
  bytes: number;
  facts: VariantFacts;
  /** Wall-clock ms. */
  createdAt: number;
}

/** A variant to be made. Until then its path holds the former one. */
export interface VariantOrder extends Pick<VariantRow, 'path' | 'fingerprint' | 'recipe' | 'createdAt'> {
  source: string;
  /** Reserved for it; 0 while it waits. */
  bytes: number;
  /** The mtime, ns, of the former one's file; null = there is none. */
  replaces: string | null;
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
  source_ctime_ns: string | null;
  source_ino: string | null;
  recipe: string;
  bytes: number;
  facts: string;
  created_at: number;
}

interface StoredOrder extends Omit<Stored, 'facts'> {
  source: string;
  replaces: string | null;
}

/** The variants, made and ordered. The user made them on purpose: nothing here leaves for copies. */
export class Variants {
  readonly #db: Database;
  readonly #placements: Placements;
  readonly #clock: Clock;

  constructor(db: Database, { placements, clock }: { placements: Placements; clock: Clock }) {
    this.#db = db;
    this.#placements = placements;
    this.#clock = clock;
  }

  /** Notes that a variant is to be made, with nothing reserved yet. */
  want({ path, source, fingerprint, recipe, replaces }: Omit<VariantOrder, 'bytes' | 'createdAt'>): void {
    const sql = `INSERT OR REPLACE INTO variant_orders (${fingerprintColumns}, path, source, recipe, bytes, replaces, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`;
    this.#db.run(sql, ...columnsOf(fingerprint), path, source, recipe, replaces, this.#clock.now());
  }

  /** Law 3, as for copies. @returns the bytes that must leave first; 0 = it is reserved */
  reserve(path: string, bytes: number, { limit, free, floor }: Room): number {
    return this.#db.transaction(() => {
      const used = this.#placements.usedUnderLimit('ssd') - (this.order(path)?.bytes ?? 0);
      const short = Math.max(used + bytes - limit, floor - (free - bytes));
      if (short > 0) return short;
      this.#db.run('UPDATE variant_orders SET bytes = ? WHERE path = ?', bytes, path);
      return 0;
    });
  }

  /** Drops the reservation. */
  release(path: string): void {
    this.#db.run('UPDATE variant_orders SET bytes = 0 WHERE path = ?', path);
  }

  /** Enters the ordered variant, complete under its name. */
  finish(path: string, { bytes, facts }: Pick<VariantRow, 'bytes' | 'facts'>): void {
    this.#db.transaction(() => {
      const order = this.order(path);
      if (order) this.enter({ ...order, bytes, facts });
      this.giveUp(path);
    });
  }

  /** Drops an order; the former variant stays. */
  giveUp(path: string): void {
    this.#db.run('DELETE FROM variant_orders WHERE path = ?', path);
  }

  /** Enters an existing file, in place of the former row of its path. */
  enter({ path, source, fingerprint, recipe, bytes, facts }: Omit<VariantRow, 'createdAt'>): void {
    const sql = `INSERT OR REPLACE INTO variants (${fingerprintColumns}, path, source, recipe, bytes, facts, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    this.#db.run(sql, ...columnsOf(fingerprint), path, source, recipe, bytes, JSON.stringify(facts), this.#clock.now());
  }

  /** Removes the row of a file that is gone. */
  forget(path: string): void {
    this.#db.run('DELETE FROM variants WHERE path = ?', path);
  }

  byPath(path: string): VariantRow | undefined {
    const row = this.#db.get<Stored>('SELECT * FROM variants WHERE path = ?', path);
    return row && rowOf(row);
  }

  order(path: string): VariantOrder | undefined {
    const row = this.#db.get<StoredOrder>('SELECT * FROM variant_orders WHERE path = ?', path);
    return row && orderOf(row);
  }

  /** Number of variants, made and ordered; one being remade counts once. */
  count(): number {
    const sql = 'SELECT count(*) AS count FROM (SELECT path FROM variants UNION SELECT path FROM variant_orders)';
    return this.#db.get<{ count: number }>(sql)?.count ?? 0;
  }

  /** All finished variants, by path. */
  all(): VariantRow[] {
    return this.#db.all<Stored>('SELECT * FROM variants ORDER BY path').map(rowOf);
  }

  /** All orders, by path. */
  orders(): VariantOrder[] {
    return this.#db.all<StoredOrder>('SELECT * FROM variant_orders ORDER BY path').map(orderOf);
  }
}

function rowOf({ facts, ...row }: Stored): VariantRow {
  return { ...commonOf(row), source: row.source, facts: JSON.parse(facts) as VariantFacts };
}

function orderOf(row: StoredOrder): VariantOrder {
  return { ...commonOf(row), source: row.source, replaces: row.replaces };
}

const fingerprintColumns = 'source_size, source_mtime_ns, source_ctime_ns, source_ino';

function columnsOf({ size, mtimeNs, ctimeNs, ino }: Fingerprint) {
  return [size, mtimeNs, ctimeNs ?? null, ino] as const;
}

function commonOf(row: Omit<Stored, 'source' | 'facts'>) {
  const { path, recipe, bytes, created_at: createdAt, source_ctime_ns: ctimeNs } = row;
  const { source_size: size, source_mtime_ns: mtimeNs, source_ino: ino } = row;
  return { path, recipe, bytes, createdAt, fingerprint: { size, mtimeNs, ...(ctimeNs !== null && { ctimeNs }), ino } };
}
