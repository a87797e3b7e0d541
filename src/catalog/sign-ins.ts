import type { Database } from '../sqlite/database.ts';

/** A browser that is signed in to the dashboard. Its two secrets are kept as SHA-256 only. */
export interface SignIn {
  id: number;
  cookieHash: string;
  keyHash: string;
  /** Name that the browser gives itself. */
  browser: string;
  /** Wall-clock ms, for people, and to forget those that are not used. */
  createdAt: number;
  usedAt: number;
}

/** The browsers that are signed in, over restarts. */
export class SavedSignIns {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The latest first. */
  all(): SignIn[] {
    return this.#db.all(`SELECT id, cookie_hash AS cookieHash, key_hash AS keyHash, browser, created_at AS createdAt,
      used_at AS usedAt FROM sign_ins ORDER BY id DESC`);
  }

  save({ id, cookieHash, keyHash, browser, createdAt, usedAt }: SignIn): void {
    this.#db.run(
      'INSERT OR REPLACE INTO sign_ins VALUES (?, ?, ?, ?, ?, ?)',
      id,
      cookieHash,
      keyHash,
      browser,
      createdAt,
      usedAt,
    );
  }

  forget(id: number): void {
    this.#db.run('DELETE FROM sign_ins WHERE id = ?', id);
  }
}
