import { isSameFingerprint } from '../core/fingerprint.ts';
import { jsonOf } from '../core/json.ts';
import type { Fingerprint } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Origins of the bytes of a copy. */
export interface FarmOrigins {
  /** Bytes from the source itself. */
  originBytes: number;
  /** Host of the farm -> bytes that it gave. */
  peers: Record<string, number>;
}

/** A source's content as the farm names it. */
export interface FarmContent {
  /** 64 hexadecimal digits. */
  id: string;
  /** Origins of the last copy that was made with the help of the farm; null = there was none. */
  from: FarmOrigins | null;
}

interface FarmContentRow {
  content: string;
  originBytes: number | null;
  peers: string | null;
  size: number;
  mtimeNs: string;
  ctimeNs: string | null;
  ino: string | null;
}

/** The names that the contents of sources have in the farm, kept while their copies come and go. */
export class FarmContents {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The name of the content that the source had when it had this fingerprint; null when none is known. */
  of(entryId: number, fingerprint: Fingerprint): FarmContent | null {
    const sql = `SELECT content, origin_bytes AS originBytes, peers, size, mtime_ns AS mtimeNs, ctime_ns AS ctimeNs, ino
      FROM farm_contents WHERE entry_id = ?`;
    const row = this.#db.get<FarmContentRow>(sql, entryId);
    if (row === undefined) return null;
    const { content: id, originBytes, peers, size, mtimeNs, ctimeNs, ino } = row;
    if (!isSameFingerprint({ size, mtimeNs, ino, ...(ctimeNs !== null && { ctimeNs }) }, fingerprint)) return null;
    return { id, from: originBytes === null ? null : { originBytes, peers: jsonOf(peers ?? '{}') as FarmOrigins['peers'] } };
  }

  /** @param from null leaves the known origins of the last copy */
  save(entryId: number, { size, mtimeNs, ctimeNs, ino }: Fingerprint, id: string, from: FarmOrigins | null): void {
    const sql = `INSERT INTO farm_contents (entry_id, content, size, mtime_ns, ctime_ns, ino, origin_bytes, peers)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (entry_id) DO UPDATE SET content = excluded.content, size = excluded.size, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, ino = excluded.ino,
        origin_bytes = coalesce(excluded.origin_bytes, origin_bytes), peers = coalesce(excluded.peers, peers)`;
    const peers = from && JSON.stringify(from.peers);
    this.#db.run(sql, entryId, id, size, mtimeNs, ctimeNs ?? null, ino, from?.originBytes ?? null, peers);
  }
}
