import { jsonOf } from '../core/json.ts';
import type { Fingerprint } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** Where the bytes of a copy came from. */
export interface FarmOrigins {
  /** From the source itself. */
  originBytes: number;
  /** Host of the farm -> bytes that it gave. */
  peers: Record<string, number>;
}

/** A source's content as the farm names it. */
export interface FarmContent {
  /** 64 hexadecimal digits. */
  id: string;
  /** Of the last copy that was made with the help of the farm; null = of none. */
  from: FarmOrigins | null;
}

/** The names that the contents of sources have in the farm, kept while their copies come and go. */
export class FarmContents {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The name of the content that the source had when it was of this size and time; null when none is known. */
  of(entryId: number, { size, mtimeNs }: Pick<Fingerprint, 'size' | 'mtimeNs'>): FarmContent | null {
    const sql =
      'SELECT content, origin_bytes AS originBytes, peers FROM farm_contents WHERE entry_id = ? AND size = ? AND mtime_ns = ?';
    const row = this.#db.get<{ content: string; originBytes: number | null; peers: string | null }>(
      sql,
      entryId,
      size,
      mtimeNs,
    );
    if (row === undefined) return null;
    const { content: id, originBytes, peers } = row;
    return { id, from: originBytes === null ? null : { originBytes, peers: jsonOf(peers ?? '{}') as FarmOrigins['peers'] } };
  }

  /** @param from null leaves what is known of the last copy */
  save(entryId: number, { size, mtimeNs }: Pick<Fingerprint, 'size' | 'mtimeNs'>, id: string, from: FarmOrigins | null): void {
    const sql = `INSERT INTO farm_contents (entry_id, content, size, mtime_ns, origin_bytes, peers) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (entry_id) DO UPDATE SET content = excluded.content, size = excluded.size, mtime_ns = excluded.mtime_ns,
        origin_bytes = coalesce(excluded.origin_bytes, origin_bytes), peers = coalesce(excluded.peers, peers)`;
    this.#db.run(sql, entryId, id, size, mtimeNs, from?.originBytes ?? null, from && JSON.stringify(from.peers));
  }
}
