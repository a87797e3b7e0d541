import type { Database } from '../sqlite/database.ts';

interface HandedOutRow {
  path: string;
  source: string;
  program: string;
}

/** Paths of copies that programs were given and may open again; `usage/handed-out.ts` defines their meaning. */
export class HandedOutPaths {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): HandedOutRow[] {
    return this.#db.all('SELECT path, source, program FROM handed_out');
  }

  /** Forgets first: a path may have been given again since. */
  change({ added, forgotten }: { added: readonly HandedOutRow[]; forgotten: readonly string[] }): void {
    this.#db.transactionAside(() => {
      for (const path of forgotten) this.#db.run('DELETE FROM handed_out WHERE path = ?', path);
      for (const { path, source, program } of added) {
        this.#db.run('INSERT OR REPLACE INTO handed_out (path, source, program) VALUES (?, ?, ?)', path, source, program);
      }
    });
  }
}
