import { sharesQuota, sharingQuota, tierTraits } from '../core/tier-traits.ts';
import { defaultTier, type Seal, type TierName } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

interface TierTotals {
  files: number;
  bytes: number;
  represented: number;
  reserved: number;
}

/** Bytes as they were written. */
interface Written {
  content: number;
  seal: Seal;
  /** Whether their SHA-256 is known to be that of the content. */
  identified: boolean;
}

/** Bytes on the disks of tiers, each counted once for any number of names. A placement goes with its last copy. */
export class Placements {
  readonly #db: Database;
  #outside = new Map<TierName, number>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Notes the bytes in a tier's directory that no placement accounts for: they count towards the limit. */
  setOutside(tier: TierName, bytes: number): void {
    this.#outside.set(tier, bytes);
  }

  outside(tier: TierName): number {
    return this.#outside.get(tier) ?? 0;
  }

  /** Takes room in a tier for bytes to come. @returns the id of the placement */
  reserve(tier: TierName, bytes: number): number {
    const sql = 'INSERT INTO placements (tier, form, bytes) VALUES (?, ?, ?)';
    return this.#db.run(sql, tier, tierTraits[tier].form, bytes).lastInsertRowid;
  }

  /** Enters bytes that are written. @param written as for `fill` @returns the id of the placement */
  add(tier: TierName, { content, seal, identified }: Written): number {
    return this.#db.run(
      `INSERT INTO placements (tier, form, bytes, content_id, seal_size, seal_mtime_ns, seal_ino, identified)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      tier,
      tierTraits[tier].form,
      seal.size,
      content,
      seal.size,
      seal.mtimeNs,
      seal.ino,
      Number(identified),
    ).lastInsertRowid;
  }

  /** Reduces a reservation to the bytes of an interrupted copy. */
  shrink(id: number, bytes: number): void {
    this.#db.run('UPDATE placements SET bytes = ? WHERE id = ? AND content_id IS NULL', bytes, id);
  }

  /** Records that the reserved bytes are written. */
  fill(id: number, { content, seal, identified }: Written): void {
    this.#db.run(
      `UPDATE placements SET content_id = @content, bytes = @size, seal_size = @size, seal_mtime_ns = @mtimeNs, seal_ino = @ino,
         identified = iif(content_id = @content, max(identified, @identified), @identified) WHERE id = @id`,
      { id, content, ...seal, identified: Number(identified) },
    );
  }

  /** The placement of a file known under another name. An inode number alone is no proof, since it is reused. */
  find(tier: TierName, content: number, { ino, size, mtimeNs }: Seal): number | undefined {
    // By its inode: the index of contents would go through all files with these bytes.
    const sql = `SELECT id FROM placements
      WHERE seal_ino = ? AND seal_size = ? AND seal_mtime_ns = ? AND +tier = ? AND +content_id = ?`;
    return this.#db.get<{ id: number }>(sql, ino, size, mtimeNs, tier, content)?.id;
  }

  /** Marks a file that compressing would hardly reduce: it is not tried again. */
  setDense(id: number): void {
    this.#db.run('UPDATE placements SET dense = 1 WHERE id = ?', id);
  }

  /** The copy was verified. @param at wall-clock ms */
  verified(id: number, at: number): void {
    this.#db.run('UPDATE placements SET verified_at = ? WHERE id = ?', at, id);
  }

  /** Bytes in all tiers. */
  allBytes(): number {
    return this.#db.get<{ bytes: number }>('SELECT coalesce(sum(bytes), 0) AS bytes FROM placements')?.bytes ?? 0;
  }

  /** The same for files not verified since, as in `Copies.unverified`. */
  unverifiedBytes(of: { since: number; now: number }): number {
    const sql = `SELECT coalesce(sum(bytes), 0) AS bytes FROM placements
      WHERE content_id IS NOT NULL AND (verified_at IS NULL OR verified_at <= @since OR verified_at > @now)`;
    return this.#db.get<{ bytes: number }>(sql, of)?.bytes ?? 0;
  }

  /** Bytes held or reserved in a tier and in those that share its limit, with variants and all other files there. */
  usedUnderLimit(tier: TierName): number {
    const variants = sharesQuota(tier, defaultTier) ? this.variantBytes() : 0;
    return sharingQuota(tier).reduce((sum, name) => sum + this.usedBytes(name) + this.outside(name), variants);
  }

  /** Bytes that variants hold or have reserved. */
  variantBytes(): number {
    const sql = `SELECT coalesce(sum(bytes), 0) AS bytes
      FROM (SELECT bytes FROM variants UNION ALL SELECT bytes FROM variant_orders)`;
    return this.#db.get<{ bytes: number }>(sql)?.bytes ?? 0;
  }

  /** The same of copies of a category. */
  usedByCategory(tier: TierName, category: string): number {
    const sql = `SELECT coalesce(sum(bytes), 0) AS bytes FROM placements WHERE id IN
      (SELECT c.placement_id FROM entries e JOIN copies c ON c.entry_id = e.id WHERE e.category = @category
       AND c.tier IN (SELECT value FROM json_each(@tiers)))`;
    return this.#db.get<{ bytes: number }>(sql, { category, tiers: JSON.stringify(sharingQuota(tier)) })?.bytes ?? 0;
  }

  /** Bytes held or reserved in a tier. */
  usedBytes(tier: TierName): number {
    const sql = 'SELECT coalesce(sum(bytes), 0) AS bytes FROM placements WHERE tier = ?';
    return this.#db.get<{ bytes: number }>(sql, tier)?.bytes ?? 0;
  }

  /** Bytes of the largest copy in a tier. */
  largestBytes(tier: TierName): number {
    const sql = 'SELECT coalesce(max(bytes), 0) AS bytes FROM placements WHERE tier = ?';
    return this.#db.get<{ bytes: number }>(sql, tier)?.bytes ?? 0;
  }

  /** The contents of a tier: files by their names, bytes, and bytes of the sources that they are copies of. */
  totals(tier: TierName): TierTotals {
    const placed = 'SELECT coalesce(sum(bytes), 0) FROM placements WHERE tier = @tier AND content_id';
    const row = this.#db.get<TierTotals>(
      `SELECT count(*) AS files, coalesce(sum(source_size), 0) AS represented,
              (${placed} IS NOT NULL) AS bytes, (${placed} IS NULL) AS reserved
       FROM copies WHERE tier = @tier AND state <> 'copying'`,
      { tier },
    );
    return row ?? { files: 0, bytes: 0, represented: 0, reserved: 0 };
  }
}
