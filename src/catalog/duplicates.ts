import type { Copy, Fingerprint, TierName } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';
import { copyOf, copyRows, fastestFirst } from './copy-rows.ts';
import { inPages, pageSize } from './pages.ts';

/** Copies that have, or may have, the same bytes as another one. */
export class Duplicates {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The other names of this copy's file: its bytes stay on the disk while one of them exists. */
  linksOf({ id, placement }: Pick<Copy, 'id' | 'placement'>): Copy[] {
    return this.#all('c.placement_id = ? AND c.id <> ? ORDER BY c.id', placement, id);
  }

  /** The number of names of a placement's file. */
  names(placement: number): number {
    return (
      this.#db.get<{ names: number }>('SELECT count(*) AS names FROM copies WHERE placement_id = ?', placement)?.names ?? 0
    );
  }

  /** Whether the file of this copy has other names. */
  isLinked({ id, placement }: Pick<Copy, 'id' | 'placement'>): boolean {
    return this.#db.get('SELECT 1 FROM copies WHERE placement_id = ? AND id <> ? LIMIT 1', placement, id) !== undefined;
  }

  /** Copies in service of other sources of this size and mtime, one of each file: their bytes may be the same. */
  hardLinkCandidates(entryId: number, tier: TierName, { size, mtimeNs }: Fingerprint, most: number): Copy[] {
    return this.#all(
      `c.source_size = ? AND c.source_mtime_ns = ? AND c.entry_id <> ? AND c.tier = ? AND c.state = 'ready'
       GROUP BY c.placement_id ORDER BY c.id LIMIT ?`,
      size,
      mtimeNs,
      entryId,
      tier,
      most,
    );
  }

  /**
   * Plain copies in service of other sources of this size, one of each file: first those equal to this source's last bytes, then
   * the newest.
   */
  reflinkCandidates(entryId: number, tier: TierName, size: number, most: number): Copy[] {
    return this.#all(
      `c.source_size = ? AND c.entry_id <> ? AND c.tier = ? AND c.state = 'ready' AND p.form = 'plain'
       GROUP BY c.placement_id ORDER BY p.content_id IS (SELECT content_id FROM entries WHERE id = ?) DESC, c.id DESC LIMIT ?`,
      size,
      entryId,
      tier,
      entryId,
      most,
    );
  }

  /** Copies in service with the content and mtime of this one, in separate files; read in pages. */
  *of(id: number, tier: TierName): Generator<Copy> {
    const where = `(p.content_id, p.form, p.seal_mtime_ns) = (SELECT q.content_id, q.form, q.seal_mtime_ns FROM copies b
        JOIN placements q ON q.id = b.placement_id WHERE b.id = @id AND b.tier = @tier AND b.state = 'ready')
      AND p.id <> (SELECT placement_id FROM copies WHERE id = @id) AND c.tier = @tier AND c.state = 'ready'
      AND c.id > @after ORDER BY c.id LIMIT @pageSize`;
    yield* inPages((after) => this.#all(where, { id, tier, after, pageSize }));
  }

  /** Copies in service whose content has several files in the tier, content by content; read in pages. */
  *all(tier: TierName): Generator<Copy> {
    const where = "p.content_id = ? AND c.tier = ? AND c.state = 'ready' AND c.id > ? ORDER BY c.id LIMIT ?";
    for (const content of this.#contents(tier)) {
      yield* inPages((after) => this.#all(where, content, tier, after, pageSize));
    }
  }

  /** Contents with several files in the tier. */
  *#contents(tier: TierName): Generator<number> {
    const sql = `SELECT content_id AS id FROM placements WHERE tier = ? AND content_id > ?
      GROUP BY content_id HAVING count(*) > 1 ORDER BY content_id LIMIT ?`;
    for (const { id } of inPages((after) => this.#db.all<{ id: number }>(sql, tier, after, pageSize))) yield id;
  }

  /** Copies in service of other sources proven equal to this one as it is (both have one SHA-256), the fastest tier first. */
  ofSource(entryId: number): Copy[] {
    return this.#all(
      `p.content_id = (SELECT content_id FROM entries WHERE id = @entryId AND identified) AND p.identified
       AND c.entry_id <> @entryId AND c.state = 'ready' ORDER BY ${fastestFirst}, c.id`,
      { entryId },
    );
  }

  #all(where: string, ...values: unknown[]): Copy[] {
    return copyRows(this.#db, where, ...values).map(copyOf);
  }
}
