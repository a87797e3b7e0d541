import type { CopyState, Fingerprint, Form } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';
import { isModelName } from '../weights/extensions.ts';

interface WrittenRow {
  path: string;
  source_size: number;
  source_mtime_ns: string;
  source_ctime_ns: string | null;
  source_ino: string | null;
}

/**
 * Whether a program wrote to a copy that it may write to: the file differs from its seal, and is kept until the user decides (law 15).
 * @param isRewritten whether a program that was given the path may have saved a model there; any other change of a model is damage
 */
export function isWrittenTo(
  { path, form, state }: { path: string; form: Form; state: CopyState },
  verdict: string | null,
  isRewritten = false,
): boolean {
  return verdict === 'changed' && form === 'plain' && state !== 'copying' && (isRewritten || !isModelName(path));
}

/** Files of copies that programs wrote to, which belong to the user now; each with its source as it was when it was copied. */
export class WrittenCopies {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Gives the file of this copy to the user: the copy goes, the file stays. The caller drops its proof. */
  disown({ id, path, source }: { id: number; path: string; source: Fingerprint }): void {
    this.#db.transaction(() => {
      const sql = `INSERT OR REPLACE INTO written_copies (path, source_size, source_mtime_ns, source_ctime_ns, source_ino)
        VALUES (?, ?, ?, ?, ?)`;
      this.#db.run(sql, path, source.size, source.mtimeNs, source.ctimeNs ?? null, source.ino);
      this.#db.run('DELETE FROM copies WHERE id = ?', id);
    });
  }

  /** The source that was copied to this path before a program wrote to it; null for a file that the program made. */
  sourceAt(path: string): Fingerprint | null {
    const row = this.#db.get<WrittenRow>('SELECT * FROM written_copies WHERE path = ?', path);
    if (!row) return null;
    const { source_size: size, source_mtime_ns: mtimeNs, source_ctime_ns: ctimeNs, source_ino: ino } = row;
    return { size, mtimeNs, ino, ...(ctimeNs !== null && { ctimeNs }) };
  }

  /** The files of all these copies, whether or not they are still there. */
  paths(): string[] {
    return this.#db.all<{ path: string }>('SELECT path FROM written_copies').map(({ path }) => path);
  }

  forget(path: string): void {
    this.#db.run('DELETE FROM written_copies WHERE path = ?', path);
  }
}
