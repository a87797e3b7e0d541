import type { Content, Copy, Fingerprint } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Bytes by identity. A content goes with its last placement and its last source. */
export class Contents {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * The content with this hash and size, added if there is none. An unknown SHA-256 matches any; a different SHA-256 is another
   * content.
   * @returns its id
   */
  ensure({ hash, size, sha256 }: Omit<Content, 'id'>): number {
    const found = this.#db.get<Content>(
      `SELECT * FROM contents WHERE hash = @hash AND size = @size AND (sha256 = @sha256 OR sha256 IS NULL OR @sha256 IS NULL)
       ORDER BY sha256 IS @sha256 DESC, id LIMIT 1`,
      { hash, size, sha256 },
    );
    if (!found)
      return this.#db.run('INSERT INTO contents (hash, size, sha256) VALUES (?, ?, ?)', hash, size, sha256).lastInsertRowid;
    if (found.sha256 === null && sha256 !== null) this.#db.run('UPDATE contents SET sha256 = ? WHERE id = ?', sha256, found.id);
    return found.id;
  }

  /** Records the content of a source after a true copy of it. It holds while the source has the copied fingerprint. */
  note(
    entryId: number,
    { size, mtimeNs, ctimeNs, ino }: Fingerprint,
    known: { content: number | null; identified: boolean },
  ): void {
    this.#db.run(
      `UPDATE entries SET content_id = @content, identified = iif(content_id = @content, max(identified, @identified), @identified)
       WHERE id = @entryId AND size = @size AND mtime_ns = @mtimeNs AND coalesce(ino = @ino, 1)
         AND coalesce(ctime_ns = @ctimeNs, 1)`,
      { entryId, size, mtimeNs, ctimeNs: ctimeNs ?? null, ino, content: known.content, identified: Number(known.identified) },
    );
  }

  /** Records the SHA-256 of a copy's bytes: for its content, and for the sources it is a true copy of. */
  identify({ placement, content: before, hash, source }: Copy, sha256: string): void {
    this.#db.transaction(() => {
      const isCurrent = this.#db.get('SELECT 1 FROM placements WHERE id = ? AND content_id = ?', placement, before);
      if (!isCurrent || hash === null) return;
      const content = this.ensure({ hash, size: source.size, sha256 });
      this.#db.run('UPDATE placements SET content_id = ?, identified = 1 WHERE id = ?', content, placement);
      this.#db.run(
        `UPDATE entries AS e SET content_id = ?, identified = 1 FROM copies c WHERE c.placement_id = ? AND c.entry_id = e.id
         AND c.source_size = e.size AND c.source_mtime_ns = e.mtime_ns AND coalesce(c.source_ino = e.ino, 1)
         AND coalesce(c.source_ctime_ns = e.ctime_ns, 1)`,
        content,
        placement,
      );
    });
  }

  /** The content of a source as it is, as one text; null when no copy of it was ever made or compared. */
  ofEntry(entryId: number): string | null {
    const sql = `SELECT n.hash || ' ' || n.size AS name FROM entries e JOIN contents n ON n.id = e.content_id WHERE e.id = ?`;
    return this.#db.get<{ name: string }>(sql, entryId)?.name ?? null;
  }

  /** The SHA-256 of a source as it is, or null if not computed. */
  sha256Of(entryId: number): string | null {
    const sql = 'SELECT n.sha256 FROM entries e JOIN contents n ON n.id = e.content_id WHERE e.id = ? AND e.identified';
    return this.#db.get<{ sha256: string | null }>(sql, entryId)?.sha256 ?? null;
  }
}
