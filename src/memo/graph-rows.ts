import type { Database } from '../sqlite/database.ts';

/** A compiled graph of a preset. */
export interface GraphRow {
  /** SHA-256 of all that decides it, in hexadecimal. */
  key: string;
  preset: string;
  /** JSON: the settings that decide it. */
  config: string;
  /** JSON: the prompt, with its open slots. */
  prompt: string;
  /** JSON: its model files. */
  models: string;
  hits: number;
  /** Wall-clock ms. */
  createdAt: number;
  expiresAt: number;
}

const columns =
  'lower(hex(key)) AS key, preset, config, prompt, models, hits, created_at AS createdAt, expires_at AS expiresAt';
const next = '(SELECT coalesce(max(last_use), 0) + 1 FROM graphs)';

/** The graphs in `memo.db`; the presets decide which of them stay. */
export class GraphRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Without a use. */
  find(key: string): GraphRow | undefined {
    return this.#db.get<GraphRow>(`SELECT ${columns} FROM graphs WHERE key = unhex(?)`, key);
  }

  /** The last used first. */
  all(): GraphRow[] {
    return this.#db.all<GraphRow>(`SELECT ${columns} FROM graphs ORDER BY last_use DESC`);
  }

  used(key: string, expiresAt: number): void {
    const sql = `UPDATE graphs SET hits = hits + 1, last_use = ${next}, expires_at = ? WHERE key = unhex(?)`;
    this.#db.run(sql, expiresAt, key);
  }

  /** In place of an earlier one with this key; as the one used last. */
  put({ key, preset, config, prompt, models, createdAt, expiresAt }: Omit<GraphRow, 'hits'>): void {
    const sql = `INSERT OR REPLACE INTO graphs VALUES (unhex(?), ?, ?, ?, ?, 0, ?, ${next}, ?)`;
    this.#db.run(sql, key, preset, config, prompt, models, createdAt, expiresAt);
  }

  /** Removes those that are over, and then those used longest ago until at most this many are left. @returns how many left */
  trim(most: number, now: number): number {
    const over = this.#db.run('DELETE FROM graphs WHERE expires_at <= ?', now).changes;
    const sql = 'DELETE FROM graphs WHERE key NOT IN (SELECT key FROM graphs ORDER BY last_use DESC LIMIT ?)';
    return over + this.#db.run(sql, most).changes;
  }

  get count(): number {
    return this.#db.get<{ count: number }>('SELECT count(*) AS count FROM graphs')?.count ?? 0;
  }
}
