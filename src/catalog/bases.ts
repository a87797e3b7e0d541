import type { Copy, TierName } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Which compressed files stand on which others: a base stays until nothing stands on it. */
export class Bases {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Records the files that a placement stands on, in place of those before. */
  set(placement: number, paths: readonly string[]): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM bases WHERE placement_id = ?', placement);
      for (const path of paths) this.#db.run('INSERT INTO bases (placement_id, path) VALUES (?, ?)', placement, path);
    });
  }

  /** Ids of the copies that stand on the file at this path, those under way too. */
  dependents(path: string): number[] {
    const sql = 'SELECT c.id FROM bases b JOIN copies c ON c.placement_id = b.placement_id WHERE b.path = ? ORDER BY c.id';
    return this.#db.all<{ id: number }>(sql, path).map(({ id }) => id);
  }

  /** Ids of the copies in service that stand on any file. */
  standing(): number[] {
    const sql = `SELECT DISTINCT c.id FROM bases b JOIN copies c ON c.placement_id = b.placement_id
      WHERE c.state = 'ready' ORDER BY c.id`;
    return this.#db.all<{ id: number }>(sql).map(({ id }) => id);
  }

  /** The copies of a tier that stand on others: files, the bytes that they take, and those of their sources. */
  totals(tier: TierName): { files: number; bytes: number; represented: number } {
    const sql = `SELECT count(*) AS files, coalesce(sum(p.bytes), 0) AS bytes, coalesce(sum(c.source_size), 0) AS represented
      FROM copies c JOIN placements p ON p.id = c.placement_id
      WHERE c.tier = ? AND c.state = 'ready' AND EXISTS (SELECT 1 FROM bases b WHERE b.placement_id = p.id)`;
    return (
      this.#db.get<{ files: number; bytes: number; represented: number }>(sql, tier) ?? { files: 0, bytes: 0, represented: 0 }
    );
  }

  /** Paths of the sources whose compressed copies these copies stand on. */
  sourcesBelow(copies: readonly Pick<Copy, 'id'>[]): string[] {
    const sql = `SELECT DISTINCT e.path FROM copies own JOIN bases b ON b.placement_id = own.placement_id
      JOIN copies c ON c.path = b.path JOIN entries e ON e.id = c.entry_id
      WHERE own.id IN (SELECT value FROM json_each(?)) ORDER BY e.path`;
    return this.#paths(
      sql,
      copies.map(({ id }) => id),
    );
  }

  /** Paths of the sources whose compressed copies stand on these copies. */
  sourcesAbove(copies: readonly Pick<Copy, 'path'>[]): string[] {
    const sql = `SELECT DISTINCT e.path FROM bases b JOIN copies c ON c.placement_id = b.placement_id
      JOIN entries e ON e.id = c.entry_id WHERE b.path IN (SELECT value FROM json_each(?)) ORDER BY e.path`;
    return this.#paths(
      sql,
      copies.map(({ path }) => path.toWellFormed()),
    );
  }

  #paths(sql: string, values: readonly (number | string)[]): string[] {
    return this.#db.all<{ path: string }>(sql, JSON.stringify(values)).map(({ path }) => path);
  }

  /**
   * Compressed copies of other sources: those that others stand on first, then those of the most similar size, which is also that of the
   * same numbers in half or twice as many bytes.
   */
  candidates({ entryId, size, most }: { entryId: number; size: number; most: number }): string[] {
    const rows = this.#db.all<{ path: string }>(
      `SELECT c.path FROM copies c JOIN placements p ON p.id = c.placement_id
       WHERE c.state = 'ready' AND p.form = 'compressed' AND c.entry_id <> @entryId
       ORDER BY EXISTS (SELECT 1 FROM bases b WHERE b.path = c.path) DESC,
         min(abs(c.source_size - @size), abs(2 * c.source_size - @size), abs(c.source_size - 2 * @size)), c.id LIMIT @most`,
      { entryId, size, most },
    );
    return rows.map(({ path }) => path);
  }
}
