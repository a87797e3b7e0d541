import type { Database } from '../sqlite/database.ts';

/** A content of the shared store, as this host knows it. */
export interface SharedObject {
  sha256: string;
  bytes: number;
  score: number;
}

/** Contents of the shared store, for a host without a Redis. `state`: 'there', or 'gone' with its score. */
export class SharedObjects {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  of(sha256: string): (SharedObject & { state: 'there' | 'gone' }) | undefined {
    return this.#db.get('SELECT * FROM shared_objects WHERE sha256 = ?', sha256);
  }

  save(sha256: string, bytes: number, state: 'there' | 'gone', score: number): void {
    this.#db.run(
      'INSERT OR REPLACE INTO shared_objects (sha256, bytes, state, score) VALUES (?, ?, ?, ?)',
      sha256,
      bytes,
      state,
      score,
    );
  }

  /** Notes whether the last copy of a source was made from the store. */
  noteCopied(entryId: number, isFromStore: boolean): void {
    const sql = isFromStore ? 'INSERT OR IGNORE INTO shared_copies VALUES (?)' : 'DELETE FROM shared_copies WHERE entry_id = ?';
    this.#db.run(sql, entryId);
  }

  hasGiven(entryId: number): boolean {
    return this.#db.get('SELECT 1 FROM shared_copies WHERE entry_id = ?', entryId) !== undefined;
  }

  /** Number and bytes of the present contents. */
  total(): { files: number; bytes: number } {
    const sql = `SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM shared_objects WHERE state = 'there'`;
    return this.#db.get<{ files: number; bytes: number }>(sql) ?? { files: 0, bytes: 0 };
  }

  least(): SharedObject | undefined {
    return this.#db.get(`SELECT sha256, bytes, score FROM shared_objects WHERE state = 'there' ORDER BY score LIMIT 1`);
  }

  there(): SharedObject[] {
    return this.#db.all(`SELECT sha256, bytes, score FROM shared_objects WHERE state = 'there'`);
  }
}
