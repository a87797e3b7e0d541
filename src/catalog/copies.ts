import { sharingQuota } from '../core/tier-traits.ts';
import type { Copy, CopyState, Fingerprint, Seal, TierName } from '../core/types.ts';
import type { Database } from './database.ts';

export interface CopyRow {
  id: number;
  entry_id: number;
  tier: TierName;
  path: string;
  state: CopyState;
  source_size: number;
  source_mtime_ns: string;
  source_ino: string | null;
  seal_size: number | null;
  seal_mtime_ns: string | null;
  seal_ino: string | null;
  hash: string | null;
  bytes: number;
  verified_at: number | null;
}

export interface ReserveRequest {
  entryId: number;
  tier: TierName;
  path: string;
  source: Fingerprint;
  bytes: number;
  /** Most bytes the tier may hold, with those that share its limit. */
  limit: number;
  /** Free bytes of the tier's volume now, less what running copies have still to write. */
  free: number;
  /** Free bytes that must be left. */
  floor: number;
  /** What an interrupted copy of the same source left: its bytes are there already, and its row goes with this. */
  replaces?: Pick<Copy, 'id' | 'bytes'>;
}

interface TierTotals {
  files: number;
  bytes: number;
  represented: number;
  reserved: number;
}

/** Either the reserved copy, or how many bytes must leave first. */
export type Reservation = { copy: Copy } | { short: number };

const readySql = `SELECT * FROM copies WHERE entry_id = ? AND state = 'ready'
  ORDER BY CASE tier WHEN 'ram' THEN 0 WHEN 'ssd' THEN 1 ELSE 2 END`;

/** By these two names are known to be one file: the inode, and, since a number is used again, what it was sealed with. */
export const inodeColumns = 'seal_ino, seal_size, seal_mtime_ns, hash';

/** The copies in the tiers: reserved, published, marked and forgotten, each in one transaction. */
export class Copies {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Law 3: nothing is written before `used + reserved + incoming <= limit` and `free - incoming >= floor` hold together. */
  reserve(request: ReserveRequest): Reservation {
    return this.#db.transaction(() => {
      const { tier, bytes, replaces } = request;
      const incoming = bytes - (replaces?.bytes ?? 0);
      const used = this.usedUnderLimit(tier);
      const short = Math.max(used + incoming - request.limit, request.floor - (request.free - incoming));
      if (short > 0) return { short };
      if (replaces) this.forget(replaces.id);
      return { copy: this.enter(request) };
    });
  }

  /** Enters a copy without looking at the bounds, for what lies on the disk already: the next copy settles whether that is within them. */
  enter({ entryId, tier, path, source, bytes }: Pick<ReserveRequest, 'entryId' | 'tier' | 'path' | 'source' | 'bytes'>): Copy {
    const row = this.#db.write<CopyRow>(
      `INSERT INTO copies (entry_id, tier, path, state, source_size, source_mtime_ns, source_ino, bytes)
       VALUES (?, ?, ?, 'copying', ?, ?, ?, ?) RETURNING *`,
      entryId,
      tier,
      path,
      source.size,
      source.mtimeNs,
      source.ino,
      bytes,
    );
    return copyOf(row);
  }

  /**
   * Puts a finished copy into service in place of what the entry had in that tier. The file is already under its name. An older
   * copy under another name (its root has changed) becomes stale: its file is still there and still takes its space. So do copies in
   * other tiers, which are made from the one on the SSD, when that is now of another source.
   */
  publish(id: number, published: { seal: Seal; hash: string; source: Fingerprint }): void {
    const { seal, hash, source } = published;
    this.#db.transaction(() => {
      this.#db.run(
        `DELETE FROM copies WHERE id <> @id AND state <> 'copying'
         AND (entry_id, tier, path) = (SELECT entry_id, tier, path FROM copies WHERE id = @id)`,
        { id },
      );
      this.#db.run(
        `UPDATE copies SET state = 'stale' WHERE id <> @id AND state = 'ready'
         AND entry_id = (SELECT entry_id FROM copies WHERE id = @id)
         AND (tier = (SELECT tier FROM copies WHERE id = @id)
           OR ((SELECT tier FROM copies WHERE id = @id) = 'ssd' AND (source_size <> @size OR source_mtime_ns <> @mtimeNs)))`,
        { id, size: source.size, mtimeNs: source.mtimeNs },
      );
      this.#db.run(
        `UPDATE copies SET state = 'ready', seal_size = ?, seal_mtime_ns = ?, seal_ino = ?, hash = ?, bytes = ?,
           source_size = ?, source_mtime_ns = ?, source_ino = ? WHERE id = ?`,
        seal.size,
        seal.mtimeNs,
        seal.ino,
        hash,
        seal.size,
        source.size,
        source.mtimeNs,
        source.ino,
        id,
      );
    });
  }

  isCopying(id: number): boolean {
    return this.#db.get("SELECT 1 FROM copies WHERE id = ? AND state = 'copying'", id) !== undefined;
  }

  setState(id: number, state: CopyState): void {
    this.#db.run('UPDATE copies SET state = ? WHERE id = ?', state, id);
  }

  /** A ready copy whose source was replaced: still on disk, not handed out any more. */
  retire(id: number): void {
    this.#db.run("UPDATE copies SET state = 'stale' WHERE id = ? AND state = 'ready'", id);
  }

  /** Compressing this copy would save too little: it is not tried again. */
  setDense(id: number): void {
    this.#db.run('UPDATE copies SET dense = 1 WHERE id = ?', id);
  }

  /** Uncompressed copies in service that may be worth compressing. */
  compressible(): Copy[] {
    return this.#db.all<CopyRow>("SELECT * FROM copies WHERE state = 'ready' AND tier = 'ssd' AND dense = 0").map(copyOf);
  }

  /** The copy was read again and is what was copied. */
  verified(id: number, at: number): void {
    this.#db.run('UPDATE copies SET verified_at = ? WHERE id = ?', at, id);
  }

  /** Copies in service with the wall-clock ms of their last check, those never checked first. */
  leastVerified(): { copy: Copy; verifiedAt: number | null }[] {
    return this.#db
      .all<CopyRow>("SELECT * FROM copies WHERE state = 'ready' ORDER BY verified_at NULLS FIRST, id")
      .map((row) => ({ copy: copyOf(row), verifiedAt: row.verified_at }));
  }

  /** What an interrupted copy keeps of its reservation. */
  shrink(id: number, bytes: number): void {
    this.#db.run("UPDATE copies SET bytes = ? WHERE id = ? AND state = 'copying'", bytes, id);
  }

  forget(id: number): void {
    this.#db.run('DELETE FROM copies WHERE id = ?', id);
  }

  ofEntry(entryId: number): Copy[] {
    return this.#db.all<CopyRow>('SELECT * FROM copies WHERE entry_id = ? ORDER BY id', entryId).map(copyOf);
  }

  /** Copies in service, the fastest tier first. */
  readyOf(entryId: number): Copy[] {
    return this.#db.all<CopyRow>(readySql, entryId).map(copyOf);
  }

  inState(...states: CopyState[]): Copy[] {
    const marks = states.map(() => '?').join(', ');
    return this.#db.all<CopyRow>(`SELECT * FROM copies WHERE state IN (${marks}) ORDER BY id`, ...states).map(copyOf);
  }

  byPath(path: string): Copy | undefined {
    const row = this.#db.get<CopyRow>("SELECT * FROM copies WHERE path = ? AND state <> 'copying'", path);
    return row && copyOf(row);
  }

  /** Bytes held or reserved in a tier and in those that share its limit. */
  usedUnderLimit(tier: TierName): number {
    return sharingQuota(tier).reduce((sum, name) => sum + this.usedBytes(name), 0);
  }

  /** Bytes held or reserved in a tier. */
  usedBytes(tier: TierName): number {
    const { bytes, reserved } = this.totals(tier);
    return bytes + reserved;
  }

  /** What a tier holds. Copies that share their bytes are files of their own, and their bytes count once. */
  totals(tier: TierName): TierTotals {
    const row = this.#db.get<TierTotals>(
      `SELECT coalesce(sum(files), 0) AS files, coalesce(sum(bytes), 0) AS bytes, coalesce(sum(represented), 0) AS represented,
              (SELECT coalesce(sum(bytes), 0) FROM copies WHERE tier = @tier AND state = 'copying') AS reserved
       FROM (SELECT count(*) AS files, max(bytes) AS bytes, sum(source_size) AS represented FROM copies
             WHERE tier = @tier AND state <> 'copying' GROUP BY ${inodeColumns})`,
      { tier },
    );
    return row ?? { files: 0, bytes: 0, represented: 0, reserved: 0 };
  }
}

/** The row as the program knows it. */
export function copyOf(row: CopyRow): Copy {
  const seal =
    row.seal_size === null || row.seal_mtime_ns === null || row.seal_ino === null
      ? null
      : { size: row.seal_size, mtimeNs: row.seal_mtime_ns, ino: row.seal_ino };
  return {
    id: row.id,
    entryId: row.entry_id,
    tier: row.tier,
    path: row.path,
    state: row.state,
    source: { size: row.source_size, mtimeNs: row.source_mtime_ns, ino: row.source_ino },
    seal,
    hash: row.hash,
    bytes: row.bytes,
  };
}
