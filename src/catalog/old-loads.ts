import { dayMs, type PastLoad } from '../core/loads.ts';
import type { Medium } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Age at which single loads are summed by day, ms. */
const detailMs = 30 * dayMs;
/** Rows summed in one write, which takes less than 10 ms. */
const atOnce = 500;
/** Maximum size of recorded loads in the catalog, bytes. */
const usualBytes = 64 * 1024 * 1024;
/** Maximum bytes of a row, with its share of indexes and of pages that are half full. */
const rowBytes = { load: 200, day: 130, prompt: 300, file: 100 };

interface Detail {
  id: number;
  at: number;
  file: number;
  size: number;
  medium: Medium;
  sourceSpeed: number;
  hit: number;
  seconds: number;
}

interface Day extends Omit<PastLoad, 'at' | 'hit' | 'run' | 'queuedAt'> {
  loads: number;
  hits: number;
  firstAt: number;
  lastAt: number;
}

/** Shares of the maximum at which making room starts and ends. */
const [fullShare, roomyShare] = [0.95, 0.9];

/** Old loads: summed to one row for each day and file, and forgotten day by day when all loads exceed the maximum. */
export class OldLoads {
  readonly #db: Database;
  readonly #mostBytes: number;
  /** An upper estimate of the bytes of all, and of days; null until it is needed. */
  #taken: { all: number; days: number } | null = null;
  #makesRoom = false;

  constructor(db: Database, mostBytes = usualBytes) {
    this.#db = db;
    this.#mostBytes = mostBytes;
  }

  /** Sums some of the oldest loads, if old or over the maximum; in a transaction. @param now wall-clock ms @param added loads since */
  join(now: number, added: number): void {
    const taken = this.#watch(added);
    const makesRoom = this.#makesRoom;
    if (makesRoom && taken.days > taken.all / 2 && this.#forgetDay(taken)) return;
    const sql = `SELECT id, at, file_id AS file, size, medium, source_speed AS sourceSpeed, tier IS NOT NULL AS hit, seconds
      FROM loads ORDER BY id LIMIT ${atOnce}`;
    // A clock that was wrong for a while must not keep all later ones from being joined.
    const isOld = ({ at }: Detail) => makesRoom || at < now - detailMs || at > now + dayMs;
    const oldest = this.#db.all<Detail>(sql);
    const end = oldest.findIndex((load) => !isOld(load));
    const joined = end < 0 ? oldest : oldest.slice(0, end);
    const last = joined.at(-1);
    if (!last) return;
    for (const load of joined) this.#joinOne(load);
    this.#db.run('DELETE FROM loads WHERE id <= ?', last.id);
    const { changes: prompts } = this.#db.run('DELETE FROM load_prompts WHERE last_load <= ?', last.id);
    taken.all -= joined.length * (rowBytes.load - rowBytes.day) + prompts * rowBytes.prompt;
    taken.days += joined.length * rowBytes.day;
  }

  /** The loads of these days in order. @param since wall-clock ms */
  *past(since: number): Generator<PastLoad> {
    const days = 'SELECT DISTINCT day FROM load_days WHERE day >= ? ORDER BY day';
    for (const { day } of this.#db.all<{ day: number }>(days, Math.floor(since / dayMs))) {
      const sql = `SELECT path, category, loads, hits, size, medium, source_speed AS sourceSpeed, first_at AS firstAt, last_at AS lastAt
        FROM load_days JOIN load_files ON load_files.id = file_id WHERE day = ?`;
      const loads = this.#db.all<Day>(sql, day).flatMap((one) => [...spread(one)]);
      yield* loads.filter(({ at }) => at >= since).sort((a, b) => a.at - b.at);
    }
  }

  #joinOne({ at, file, size, medium, sourceSpeed, hit, seconds }: Detail): void {
    const sql = `INSERT INTO load_days VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
        loads = loads + 1, hits = hits + excluded.hits, size = excluded.size, medium = excluded.medium,
        source_speed = excluded.source_speed, seconds = seconds + excluded.seconds,
        first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)`;
    this.#db.run(sql, Math.floor(at / dayMs), file, hit, size, medium, sourceSpeed, seconds, at, at);
  }

  /** Starts and ends making room. @param added loads */
  #watch(added: number): { all: number; days: number } {
    this.#taken ??= this.#measure();
    this.#taken.all += added * (rowBytes.load + rowBytes.prompt);
    if (!this.#makesRoom && this.#taken.all > this.#mostBytes) {
      this.#taken = this.#measure();
      this.#makesRoom = this.#taken.all > fullShare * this.#mostBytes;
    }
    if (this.#taken.all < roomyShare * this.#mostBytes) this.#makesRoom = false;
    return this.#taken;
  }

  /** All bytes, and those of days. Ids of loads and prompts follow each other, so their number costs no look at each. */
  #measure(): { all: number; days: number } {
    const counts = this.#db.get<{ loads: number; days: number; prompts: number; files: number; paths: number }>(
      `SELECT (SELECT coalesce(max(id) - min(id) + 1, 0) FROM loads) AS loads,
         (SELECT coalesce(max(id) - min(id) + 1, 0) FROM load_prompts) AS prompts,
         (SELECT count(*) FROM load_days) AS days, count(*) AS files, coalesce(sum(octet_length(path)), 0) AS paths FROM load_files`,
    ) ?? { loads: 0, days: 0, prompts: 0, files: 0, paths: 0 };
    const days = counts.days * rowBytes.day;
    const others = counts.loads * rowBytes.load + counts.prompts * rowBytes.prompt + counts.files * rowBytes.file;
    // Each path is in an index too, and a page holds few long ones.
    return { all: days + others + 3 * counts.paths, days };
  }

  /** Forgets the first day that has no single loads, and files not loaded since. @returns whether there was one */
  #forgetDay(taken: { all: number; days: number }): boolean {
    const sql = 'SELECT (SELECT min(day) FROM load_days) AS day, (SELECT at FROM loads ORDER BY id LIMIT 1) AS detailed';
    const { day = null, detailed = null } = this.#db.get<{ day: number | null; detailed: number | null }>(sql) ?? {};
    if (day === null || (detailed !== null && day >= Math.floor(detailed / dayMs))) return false;
    const { changes } = this.#db.run('DELETE FROM load_days WHERE day = ?', day);
    this.#db.run('DELETE FROM load_files WHERE last_day <= ?', day);
    taken.all -= changes * rowBytes.day;
    taken.days -= changes * rowBytes.day;
    return true;
  }
}

/** The loads of one day, evenly from the first to the last; those that hit come last, as a copy is made by the first. */
function* spread({ loads, hits, firstAt, lastAt, ...load }: Day): Generator<PastLoad> {
  const apart = loads > 1 ? (lastAt - firstAt) / (loads - 1) : 0;
  for (let k = 0; k < loads; k++) {
    yield { ...load, at: Math.round(firstAt + k * apart), hit: k >= loads - hits, run: null, queuedAt: null };
  }
}
