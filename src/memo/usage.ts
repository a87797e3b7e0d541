import type { MemoTotals } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import type { Entries } from './entries.ts';
import type { Entry } from './entry.ts';

const columns: readonly [keyof MemoTotals, string][] = [
  ['hits', 'hits'],
  ['stale', 'stale'],
  ['misses', 'misses'],
  ['coalesced', 'coalesced'],
  ['stores', 'stores'],
  ['rejected', 'rejected'],
  ['evictions', 'evictions'],
  ['disagreements', 'disagreements'],
  ['alike', 'alike'],
  ['bytesIn', 'bytes_in'],
  ['bytesOut', 'bytes_out'],
  ['secondsSaved', 'seconds_saved'],
];

const names = columns.map(([, column]) => column);
const insert = `INSERT INTO daily (day, ns, ${names.join()}) VALUES (?, ?, ${names.map(() => '?').join()})
  ON CONFLICT (day, ns) DO UPDATE SET ${names.map((name) => `${name} = ${name} + excluded.${name}`).join()}`;

/** Hits and totals, gathered in memory and written in one transaction by `flush`, so that an answer does not wait for the disk. */
export class MemoUsage {
  readonly #db: Database;
  readonly #entries: Entries;
  readonly #clock: Clock;
  #used = new Map<number, Entry>();
  #totals = new Map<string, MemoTotals>();

  constructor(db: Database, entries: Entries, clock: Clock) {
    this.#db = db;
    this.#entries = entries;
    this.#clock = clock;
  }

  /** Records a changed use of the entry. */
  used(entry: Entry): void {
    this.#used.set(entry.id, entry);
  }

  /** The entry, if it has an unwritten use. */
  pending(id: number): Entry | undefined {
    return this.#used.get(id);
  }

  /** Drops the unwritten use of a removed entry. */
  forget(id: number): void {
    this.#used.delete(id);
  }

  add(ns: string, part: Partial<MemoTotals>): void {
    let totals = this.#totals.get(ns);
    if (!totals) {
      totals = noTotals();
      this.#totals.set(ns, totals);
    }
    for (const [name, value] of Object.entries(part) as [keyof MemoTotals, number][]) totals[name] += value;
  }

  /** @param tick the logical time, from which a restart continues */
  flush(tick: number): void {
    if (this.#used.size === 0 && this.#totals.size === 0) return;
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10);
    this.#db.transaction(() => {
      for (const entry of this.#used.values()) this.#entries.saveUse(entry);
      for (const [ns, totals] of this.#totals) this.#db.run(insert, day, ns, ...columns.map(([name]) => totals[name]));
      this.#db.run('UPDATE totals SET tick = ?', tick);
    });
    this.#used.clear();
    this.#totals.clear();
  }

  /** Totals over all days, by namespace, including unwritten ones. */
  byNamespace(): Map<string, MemoTotals> {
    const sums = columns.map(([name, column]) => `sum(${column}) AS ${name}`).join();
    const written = this.#db.all<MemoTotals & { ns: string }>(`SELECT ns, ${sums} FROM daily GROUP BY ns ORDER BY ns`);
    const all = new Map(written.map(({ ns, ...totals }) => [ns, totals as MemoTotals]));
    for (const [ns, totals] of this.#totals) all.set(ns, sum([all.get(ns) ?? noTotals(), totals]));
    return all;
  }

  totals(): MemoTotals {
    return sum([...this.byNamespace().values()]);
  }
}

function sum(all: readonly MemoTotals[]): MemoTotals {
  const result = noTotals();
  for (const totals of all) for (const [name] of columns) result[name] += totals[name];
  return result;
}

export function noTotals(): MemoTotals {
  return Object.fromEntries(columns.map(([name]) => [name, 0])) as unknown as MemoTotals;
}
