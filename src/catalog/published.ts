import type { Database } from '../sqlite/database.ts';

/** The published hash of a source, and whether its copy matches. */
export interface PublishedRow {
  /** The published SHA-256, hex. */
  sha256: string;
  /** The file it was found in. */
  from: string;
  /** Null while the SHA-256 of the copy is unknown. */
  same: boolean | null;
}

/** Published hashes of sources, as last found beside them. */
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

  /** Number of sources with a copy in service that does not match the published hash. */
  mismatches(): number {
    const sql = `SELECT count(DISTINCT p.entry_id) AS n FROM published p
      JOIN copies c ON c.entry_id = p.entry_id AND c.state = 'ready' WHERE p.same = 0`;
    return this.#db.get<{ n: number }>(sql)?.n ?? 0;
  }
}
