import type { Copy, Fingerprint, Seal, TierName } from '../core/types.ts';
import { type CopyRow, copyOf, inodeColumns } from './copies.ts';
import type { Database } from './database.ts';

/** Copies of different sources that have, or may have, the same bytes. */
export class EqualCopies {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Copies that are hard links of this one: they leave their bytes on the disk when it leaves. */
  sharersOf({ id, tier, seal, hash }: Copy): Copy[] {
    if (!seal) return [];
    const sql = `SELECT * FROM copies WHERE id <> ? AND tier = ? AND state <> 'copying' AND (${inodeColumns}) = (?, ?, ?, ?) ORDER BY id`;
    return this.#db.all<CopyRow>(sql, id, tier, seal.ino, seal.size, seal.mtimeNs, hash).map(copyOf);
  }

  /** Copies in service of other sources that were of this size and mtime: their bytes may be the same. */
  hardLinkCandidates(entryId: number, tier: TierName, { size, mtimeNs }: Fingerprint): Copy[] {
    const sql = `SELECT * FROM copies WHERE entry_id <> ? AND tier = ? AND state = 'ready'
      AND source_size = ? AND source_mtime_ns = ? ORDER BY id`;
    return this.#db.all<CopyRow>(sql, entryId, tier, size, mtimeNs).map(copyOf);
  }

  /** Copies in service of other sources of this size, the last made first. */
  ofSize(entryId: number, tier: TierName, size: number): Copy[] {
    const sql = `SELECT * FROM copies WHERE entry_id <> ? AND tier = ? AND state = 'ready'
      AND source_size = ? AND seal_size = ? ORDER BY id DESC`;
    return this.#db.all<CopyRow>(sql, entryId, tier, size, size).map(copyOf);
  }

  /** Copies in service with the hash, size and mtime of this one, in files of their own. */
  equalsOf(id: number, tier: TierName): Copy[] {
    const sql = `SELECT b.* FROM copies a JOIN copies b ON b.tier = a.tier AND b.state = 'ready' AND b.hash = a.hash
        AND b.seal_size = a.seal_size AND b.seal_mtime_ns = a.seal_mtime_ns AND b.seal_ino <> a.seal_ino
      WHERE a.id = ? AND a.tier = ? AND a.state = 'ready' ORDER BY b.id`;
    return this.#db.all<CopyRow>(sql, id, tier).map(copyOf);
  }

  /** Copies in service that have equals. */
  withEquals(tier: TierName): Copy[] {
    const sql = `SELECT * FROM copies WHERE tier = @tier AND state = 'ready' AND hash IN (SELECT hash FROM copies
      WHERE tier = @tier AND state = 'ready' GROUP BY hash HAVING count(DISTINCT seal_ino) > 1) ORDER BY id`;
    return this.#db.all<CopyRow>(sql, { tier }).map(copyOf);
  }

  /** The file of a copy in service was replaced by one that has the same bytes. */
  reseal(id: number, { size, mtimeNs, ino }: Seal): void {
    this.#db.run('UPDATE copies SET seal_size = ?, seal_mtime_ns = ?, seal_ino = ? WHERE id = ?', size, mtimeNs, ino, id);
  }
}
