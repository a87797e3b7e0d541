import { sep } from 'node:path';
import { matcher } from '../core/file-globs.ts';
import type { SourceFile } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Rules that pin files as they appear: globs and categories. */
export interface PinRules {
  globs: string[];
  categories: string[];
}

type NamedFile = Pick<SourceFile, 'path' | 'rel' | 'category'>;

/** The rules by which present and later files are pinned. Kept in memory: each new file is compared with them. */
export class Pins {
  readonly #db: Database;
  #holds: ((file: NamedFile) => boolean) | null = null;

  constructor(db: Database) {
    this.#db = db;
    db.onOpened(() => (this.#holds = null));
  }

  rules(): PinRules {
    const rows = this.#db.all<{ kind: 'glob' | 'category'; value: string }>('SELECT kind, value FROM pin_rules ORDER BY value');
    const of = (kind: string) => rows.filter((row) => row.kind === kind).map(({ value }) => value);
    return { globs: of('glob'), categories: of('category') };
  }

  /** Adds rules, or takes them back. @returns whether that changed any */
  set({ globs, categories }: PinRules, pinned: boolean): boolean {
    const sql = pinned ? 'INSERT OR IGNORE INTO pin_rules VALUES (?, ?)' : 'DELETE FROM pin_rules WHERE kind = ? AND value = ?';
    const rules = [...globs.map((glob) => ['glob', glob]), ...categories.map((category) => ['category', category])];
    const changes = this.#db.transaction(() => rules.map((rule) => this.#db.run(sql, ...rule).changes));
    this.#holds = null;
    return changes.some((count) => count > 0);
  }

  /** Whether a file that comes is pinned. */
  hold(file: NamedFile): boolean {
    this.#holds ??= meaning(this.rules());
    return this.#holds(file);
  }
}

/** A predicate for the files that match rules; a glob may name the category. */
export function meaning({ globs, categories }: PinRules): (file: NamedFile) => boolean {
  const named = new Set(categories);
  const matches = globs.length === 0 ? null : matcher(globs);
  return ({ path, rel, category }) => {
    if (category !== null && named.has(category)) return true;
    return (
      matches !== null &&
      (matches({ path, rel }) || (category !== null && matches({ path, rel: `${category}/${rel.replaceAll(sep, '/')}` })))
    );
  };
}
