import type { Medium } from '../core/types.ts';
import type { Database } from './database.ts';

/** What was changed or learned while running and outlives a restart: live settings, registered roots, categories of inputs. */
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

  /** The configured value counts again. */
  forget(key: string): void {
    this.#db.run('DELETE FROM settings WHERE key = ?', key);
  }

  saveRoot(root: { path: string; category: string | null; kind: Medium | null; origin: string }): void {
    this.#db.run('INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)', root.path, root.category ?? '', root.kind, root.origin);
  }

  savedRoots(): { path: string; category: string; kind: Medium | null; origin: 'comfyui' | 'api' }[] {
    return this.#db.all('SELECT * FROM roots ORDER BY path');
  }

  /** Which category of models an input of a ComfyUI node names, as real lookups have shown. */
  saveLearned({ classType, input, category }: { classType: string; input: string; category: string }): void {
    this.#db.run('INSERT OR REPLACE INTO learned VALUES (?, ?, ?)', classType, input, category);
  }

  learned(): { classType: string; input: string; category: string }[] {
    return this.#db.all('SELECT class_type AS classType, input, category FROM learned');
  }
}
