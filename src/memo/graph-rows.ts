import type { Database } from '../sqlite/database.ts';

/** A compiled graph of a preset. */
export interface GraphRow {
  /** SHA-256 of everything that decides the graph, in hexadecimal. */
  key: string;
  preset: string;
  /** JSON: the settings that decide the graph. */
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

/** The graphs in `memo.db`; the presets decide which ones stay. */
export class GraphRows {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The graph of a key; counts no use. */
  find(key: string): GraphRow | undefined {
    return this.#db.get<GraphRow>(`SELECT ${columns} FROM graphs WHERE key = unhex(?)`, key);
  }

  /** All graphs, the last used first. */
  all(): GraphRow[] {
    return this.#db.all<GraphRow>(`SELECT ${columns} FROM graphs ORDER BY last_use DESC`);
  }

  used(key: string, expiresAt: number): void {
    const sql = `UPDATE graphs SET hits = hits + 1, last_use = ${next}, expires_at = ? WHERE key = unhex(?)`;
    this.#db.run(sql, expiresAt, key);
  }

  /** Stores a graph as the last used one, and replaces an earlier one with this key. */
  put({ key, preset, config, prompt, models, createdAt, expiresAt }: Omit<GraphRow, 'hits'>): void {
    const sql = `INSERT OR REPLACE INTO graphs VALUES (unhex(?), ?, ?, ?, ?, 0, ?, ${next}, ?)`;
    this.#db.run(sql, key, preset, config, prompt, models, createdAt, expiresAt);
  }

  /** Removes expired graphs, then the least recently used until at most `most` are left. @returns the number of removed ones */
  trim(most: number, now: number): number {
    const over = this.#db.run('DELETE FROM graphs WHERE expires_at <= ?', now).changes;
    const sql = 'DELETE FROM graphs WHERE key NOT IN (SELECT key FROM graphs ORDER BY last_use DESC LIMIT ?)';
    return over + this.#db.run(sql, most).changes;
  }

  get count(): number {
    return this.#db.get<{ count: number }>('SELECT count(*) AS count FROM graphs')?.count ?? 0;
  }
}
