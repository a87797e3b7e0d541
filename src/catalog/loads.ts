import { dayMs, type Load, type PastLoad } from '../core/loads.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Database } from '../sqlite/database.ts';
import { OldLoads } from './old-loads.ts';
import { inPages, pageSize } from './pages.ts';

/** Maximum loads, and prompts without loads, held until they are written: a full disk must not fill the memory. */
const mostHeld = 10_000;
const mostPrompts = 1000;
/** Maximum length of a prompt's id and of a node's class, characters. */
const mostText = 100;

/** Files whose last load is remembered by its row id, for durations that programs report later. */
const mostLast = 1000;

interface Row extends Omit<PastLoad, 'hit'> {
  id: number;
  hit: number;
}

/** Every load of a model, gathered in memory until `write`; old ones as sums by day. */
export class Loads {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #old: OldLoads;
  #held: Load[] = [];
  #took: { id: number; seconds: number }[] = [];
  readonly #queued = new Map<string, number>();
  readonly #last = new Map<string, number>();

  /** @param mostBytes maximum size of recorded loads in the catalog */
  constructor(db: Database, clock: Clock, mostBytes?: number) {
    this.#db = db;
    this.#clock = clock;
    this.#old = new OldLoads(db, mostBytes);
  }

  note(load: Load): void {
    this.#held.push(load);
    if (this.#held.length > mostHeld) this.#held.shift();
  }

  /** A prompt has joined ComfyUI's queue. @param at wall-clock ms */
  queued(prompt: string, at: number): void {
    if (this.#queued.has(prompt)) return;
    this.#queued.set(prompt, at);
    forgetOldest(this.#queued, mostPrompts);
  }

  /** Records the duration of a program's last load of this source. */
  took(path: string, ms: number): void {
    const held = this.#held.findLast((load) => load.path === path);
    const id = this.#last.get(path);
    if (held) held.seconds = ms / 1000;
    else if (id !== undefined && this.#took.length < mostHeld) this.#took.push({ id, seconds: ms / 1000 });
  }

  get isEmpty(): boolean {
    return this.#held.length === 0 && this.#took.length === 0;
  }

  /** Writes the held loads, and joins some of the oldest; to be called in a transaction, and `written` after it. */
  write(): void {
    for (const load of this.#held) {
      const id = this.#insert(load);
      this.#last.delete(load.path);
      this.#last.set(load.path, id);
    }
    forgetOldest(this.#last, mostLast);
    for (const { id, seconds } of this.#took) this.#db.run('UPDATE loads SET seconds = ? WHERE id = ?', seconds, id);
    this.#old.join(this.#clock.now(), this.#held.length);
  }

  written(): void {
    this.#held = [];
    this.#took = [];
  }

  /** All loads from then on that are written, in order. @param since wall-clock ms */
  *past(since = 0): Generator<PastLoad> {
    yield* this.#old.past(since);
    const sql = `SELECT loads.id, at, path, category, size, medium, source_speed AS sourceSpeed, tier IS NOT NULL AS hit,
        prompt_id AS run, queued_at AS queuedAt
      FROM loads JOIN load_files ON load_files.id = file_id LEFT JOIN load_prompts ON load_prompts.id = prompt_id
      WHERE loads.id > ? AND at >= ? ORDER BY loads.id LIMIT ${pageSize}`;
    for (const { id: _, hit, ...load } of inPages((after) => this.#db.all<Row>(sql, after, since)))
      yield { ...load, hit: hit === 1 };
  }

  /** The latest loads of one source, the last one first. */
  of(path: string, count: number): Load[] {
    const sql = `SELECT at, path, category, size, medium, source_speed AS sourceSpeed, tier, reason, seconds, prompt, node_class AS nodeClass
      FROM loads JOIN load_files ON load_files.id = file_id LEFT JOIN load_prompts ON load_prompts.id = prompt_id
      WHERE path = ? ORDER BY loads.id DESC LIMIT ?`;
    return this.#db.all<Load>(sql, path, count);
  }

  #insert({ at, path, category, size, medium, sourceSpeed, tier, reason, seconds, prompt, nodeClass }: Load): number {
    const file = this.#fileId(path, category, Math.floor(at / dayMs));
    const sql = 'INSERT INTO loads VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
    const promptId = prompt === null ? null : this.#promptId(prompt.slice(0, mostText));
    const text = nodeClass?.slice(0, mostText) ?? null;
    const { lastInsertRowid: id } = this.#db.run(
      sql,
      at,
      file,
      size,
      medium,
      sourceSpeed,
      tier,
      reason,
      seconds,
      promptId,
      text,
    );
    if (promptId !== null) this.#db.run('UPDATE load_prompts SET last_load = ? WHERE id = ?', id, promptId);
    return id;
  }

  #fileId(path: string, category: string | null, day: number): number {
    const sql = `INSERT INTO load_files (path, category, last_day) VALUES (?, ?, ?)
      ON CONFLICT (path) DO UPDATE SET category = excluded.category, last_day = max(last_day, excluded.last_day) RETURNING id`;
    return this.#db.write<{ id: number }>(sql, path, category, day).id;
  }

  #promptId(prompt: string): number {
    const sql = `INSERT INTO load_prompts (prompt, queued_at, last_load) VALUES (?, ?, 0)
      ON CONFLICT (prompt) DO UPDATE SET queued_at = coalesce(queued_at, excluded.queued_at) RETURNING id`;
    return this.#db.write<{ id: number }>(sql, prompt, this.#queued.get(prompt) ?? null).id;
  }
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
