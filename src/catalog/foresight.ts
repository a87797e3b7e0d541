import type { Database } from '../sqlite/database.ts';

/** The learned state of foresight, as one value. */
export class SavedForesight {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Null before the first `save`. */
  load(): unknown {
    const row = this.#db.get<{ value: string }>('SELECT value FROM foresight');
    return row ? JSON.parse(row.value) : null;
  }

  /** @param value anything that JSON can hold */
  save(value: unknown): void {
    this.#db.run('INSERT OR REPLACE INTO foresight VALUES (1, ?)', JSON.stringify(value));
  }
}
