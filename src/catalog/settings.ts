import type { Medium } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Facts changed or learned at runtime that outlive a restart: live settings, registered roots, categories of inputs. */
export class Settings {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The live value, unless the configuration has been edited since (`configured` differs from its value then). */
  get(key: string, configured: string): string | undefined {
    const row = this.#db.get<{ value: string; base: string }>('SELECT value, base FROM settings WHERE key = ?', key);
    return row && row.base === configured ? row.value : undefined;
  }

  set(key: string, value: string, configured: string): void {
    this.#db.run('INSERT OR REPLACE INTO settings VALUES (?, ?, ?)', key, value, configured);
  }

  /** Returns to the configured value. */
  forget(key: string): void {
    this.#db.run('DELETE FROM settings WHERE key = ?', key);
  }

  saveRoot(root: { path: string; category: string | null; kind: Medium | null; origin: string }): void {
    this.#db.run('INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)', root.path, root.category ?? '', root.kind, root.origin);
  }

  /** Forgets the root in all its categories. */
  forgetRoot(path: string): void {
    this.#db.run('DELETE FROM roots WHERE path = ?', path);
  }

  savedRoots(): { path: string; category: string; kind: Medium | null; origin: 'comfyui' | 'api' }[] {
    return this.#db.all('SELECT * FROM roots ORDER BY path');
  }

  /** The category of models that an input of a ComfyUI node names, as real lookups have shown. */
  saveLearned({ classType, input, category }: { classType: string; input: string; category: string }): void {
    this.#db.run('INSERT OR REPLACE INTO learned VALUES (?, ?, ?)', classType, input, category);
  }

  learned(): { classType: string; input: string; category: string }[] {
    return this.#db.all('SELECT class_type AS classType, input, category FROM learned');
  }
}
