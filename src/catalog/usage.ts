import type { JobView } from '../api/api.ts';
import type { DailyTotals } from '../api/stats.ts';
import type { LeaseChange, SourceFile } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import { isFull } from '../sqlite/reserve.ts';
import type { Entries } from './entries.ts';
import type { Loads } from './loads.ts';
import { TierUses } from './tier-uses.ts';

type Totals = Omit<DailyTotals, 'day'>;

interface Use {
  file: SourceFile;
  uses: number;
  tick: number;
  at: number;
}

const zero: Totals = {
  hits: 0,
  misses: 0,
  hitBytes: 0,
  missBytes: 0,
  bytesCopied: 0,
  evictions: 0,
  evictedBytes: 0,
  secondsSaved: 0,
};

/**
 * Frequent facts (uses, loads, daily totals, those of tiers, job states and leases) gathered in memory and written in one transaction
 * by `flush`, so that an answer never waits for the disk. A crash loses the facts since the last flush, which are only statistics.
 */
export class Usage {
  readonly #db: Database;
  readonly #entries: Entries;
  readonly #loads: Loads;
  readonly #clock: Clock;
  #tick: number;
  #uses = new Map<string, Use>();
  #today: Totals = { ...zero };
  #jobs = new Map<number, JobView>();
  /** Changes by copy and client. */
  #leases = new Map<string, LeaseChange>();
  readonly tiers: TierUses;

  constructor(db: Database, { entries, loads }: { entries: Entries; loads: Loads }, clock: Clock) {
    this.#db = db;
    this.#entries = entries;
    this.#loads = loads;
    this.#clock = clock;
    this.tiers = new TierUses(db, entries);
    this.#tick = entries.lastTick();
  }

  /** Counts one use of a source (law 11: ordered by a counter, the wall clock is for people). */
  used(file: SourceFile): void {
    this.#tick += 1;
    const use = this.#uses.get(file.path);
    const counted = { file, uses: (use?.uses ?? 0) + 1, tick: this.#tick, at: this.#clock.now() };
    this.#uses.set(file.path, counted);
  }

  /** The present logical time. */
  get tick(): number {
    return this.#tick;
  }

  add(part: Partial<Totals>): void {
    for (const [key, value] of Object.entries(part) as [keyof Totals, number][]) this.#today[key] += value;
  }

  job(view: JobView): void {
    this.#jobs.set(view.id, view);
  }

  leases(changes: readonly LeaseChange[]): void {
    for (const change of changes) this.#leases.set(`${change.copyPath}\0${change.client}`, change);
  }

  /** Writes the gathered rows in one transaction; after a failure, as on a full disk, they are kept for the next time. */
  flush(): void {
    try {
      this.#write();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  #write(): void {
    if (
      this.#uses.size === 0 &&
      this.#jobs.size === 0 &&
      this.#leases.size === 0 &&
      this.tiers.isEmpty &&
      this.#loads.isEmpty &&
      Object.values(this.#today).every((n) => n === 0)
    )
      return;
    if (!this.#db.isWritable()) return;
    this.#db.transaction(() => {
      for (const use of this.#uses.values()) this.#writeUse(use);
      for (const view of this.#jobs.values()) this.#writeJob(view);
      this.#writeToday();
      for (const change of this.#leases.values()) this.#writeLease(change);
      this.tiers.write();
      this.#loads.write();
    });
    this.#uses.clear();
    this.#jobs.clear();
    this.#leases.clear();
    this.tiers.written();
    this.#loads.written();
    this.#today = { ...zero };
  }

  /** Totals by UTC day, oldest first, including those not yet flushed. */
  daily(): DailyTotals[] {
    this.flush();
    return this.#db.all<DailyTotals>(
      `SELECT day, hits, misses, hit_bytes AS hitBytes, miss_bytes AS missBytes, bytes_copied AS bytesCopied, evictions,
              evicted_bytes AS evictedBytes, seconds_saved AS secondsSaved FROM daily ORDER BY day`,
    );
  }

  lastJobId(): number {
    return this.#db.get<{ id: number | null }>('SELECT max(id) AS id FROM jobs')?.id ?? 0;
  }

  /** Sources whose jobs were queued or running when the daemon ended, in their order; this call forgets them. */
  takeUnfinishedJobs(): string[] {
    return this.#db
      .all<{ path: string }>("DELETE FROM jobs WHERE state IN ('queued', 'running') RETURNING path, id")
      .map(({ path }) => path);
  }

  savedLeases(): { copyPath: string; client: string }[] {
    return this.#db.all('SELECT copy_path AS copyPath, client FROM leases');
  }

  /** The catalog's fingerprint wins: the source may have changed since it was used. */
  #writeUse({ file, uses, tick, at }: Use): void {
    const { fingerprint } = this.#entries.byPath(file.path) ?? file;
    this.#entries.addUses(this.#entries.put({ ...file, fingerprint }).id, uses, tick, at);
  }

  #writeJob(view: JobView): void {
    const finished = view.state === 'queued' || view.state === 'running' ? null : this.#clock.now();
    this.#db.run(
      'INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      view.id,
      view.path,
      view.priority,
      view.state,
      view.bytesTotal,
      view.bytesDone,
      view.error?.code ?? null,
      view.error?.message ?? null,
      finished,
    );
    this.#db.run('DELETE FROM jobs WHERE id <= ?', view.id - 1000);
  }

  #writeToday(): void {
    const day = new Date(this.#clock.now()).toISOString().slice(0, 10);
    const t = this.#today;
    this.#db.run(
      `INSERT INTO daily VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET
         hits = hits + excluded.hits, misses = misses + excluded.misses, hit_bytes = hit_bytes + excluded.hit_bytes,
         miss_bytes = miss_bytes + excluded.miss_bytes, bytes_copied = bytes_copied + excluded.bytes_copied,
         evictions = evictions + excluded.evictions, evicted_bytes = evicted_bytes + excluded.evicted_bytes,
         seconds_saved = seconds_saved + excluded.seconds_saved`,
      day,
      t.hits,
      t.misses,
      t.hitBytes,
      t.missBytes,
      t.bytesCopied,
      t.evictions,
      t.evictedBytes,
      t.secondsSaved,
    );
  }

  #writeLease({ copyPath, client, held }: LeaseChange): void {
    const sql = held ? 'INSERT OR IGNORE INTO leases VALUES (?, ?)' : 'DELETE FROM leases WHERE copy_path = ? AND client = ?';
    this.#db.run(sql, copyPath, client);
  }
}
