import type { Database } from './database.ts';

/** What somebody has published about a source, and whether its copy is that. */
export interface PublishedRow {
  /** The published SHA-256, hex. */
  sha256: string;
  /** The file that says so. */
  from: string;
  /** Null while the SHA-256 of the copy is not known. */
  same: boolean | null;
}

/** Published hashes of sources, as they were last found beside them. */
export class PublishedHashes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  save(entryId: number, { sha256, from, same }: PublishedRow): void {
    const sql = 'INSERT OR REPLACE INTO published (entry_id, sha256, origin, same) VALUES (?, ?, ?, ?)';
    this.#db.run(sql, entryId, sha256, from, same === null ? null : Number(same));
  }

  forget(entryId: number): void {
    this.#db.run('DELETE FROM published WHERE entry_id = ?', entryId);
  }

  of(entryId: number): PublishedRow | null {
    const row = this.#db.get<{ sha256: string; origin: string; same: number | null }>(
      'SELECT sha256, origin, same FROM published WHERE entry_id = ?',
      entryId,
    );
    return row ? { sha256: row.sha256, from: row.origin, same: row.same === null ? null : row.same === 1 } : null;
  }

  /** Sources with a copy in service that are not what was published. */
  mismatches(): number {
    const sql = `SELECT count(DISTINCT p.entry_id) AS n FROM published p
      JOIN copies c ON c.entry_id = p.entry_id AND c.state = 'ready' WHERE p.same = 0`;
    return this.#db.get<{ n: number }>(sql)?.n ?? 0;
  }
}
