import type { Medium } from '../core/types.ts';
import type { Database } from './database.ts';

/** What was changed while running and outlives a restart: live settings, and the roots that programs registered. */
export class Settings {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The live value, unless the configuration has been edited since (`configured` differs from what it was then). */
  get(key: string, configured: string): string | undefined {
    const row = this.#db.get<{ value: string; base: string }>('SELECT value, base FROM settings WHERE key = ?', key);
    return row && row.base === configured ? row.value : undefined;
  }

  set(key: string, value: string, configured: string): void {
    this.#db.run('INSERT OR REPLACE INTO settings VALUES (?, ?, ?)', key, value, configured);
  }

  saveRoot(root: { path: string; category: string | null; kind: Medium | null; origin: string }): void {
    this.#db.run('INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)', root.path, root.category ?? '', root.kind, root.origin);
  }

  savedRoots(): { path: string; category: string; kind: Medium | null; origin: 'comfyui' | 'api' }[] {
    return this.#db.all('SELECT * FROM roots ORDER BY path');
  }
}
