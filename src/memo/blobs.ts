import type { Seal } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';

/** A blob as stored in its row. */
export interface Blob {
  /** Hexadecimal. */
  sha256: string;
  seal: Seal;
}

interface Row {
  sha256: Buffer;
  size: number;
  mtimeNs: string;
  ino: string;
}

const columns = 'b.sha256, b.size, b.seal_mtime_ns AS mtimeNs, b.seal_ino AS ino';
const unused = 'NOT EXISTS (SELECT 1 FROM entry_blobs u WHERE u.sha256 = b.sha256)';

/** The rows of blobs. */
export class Blobs {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(sha256: string): Blob | undefined {
    const row = this.#db.get<Row>(`SELECT ${columns} FROM blobs b WHERE b.sha256 = ?`, Buffer.from(sha256, 'hex'));
    return row && blobOf(row);
  }

  ofEntry(entryId: number): Blob[] {
    const sql = `SELECT ${columns} FROM entry_blobs e JOIN blobs b ON b.sha256 = e.sha256 WHERE e.entry_id = ?`;
    return this.#db.all<Row>(sql, entryId).map(blobOf);
  }

  /** Adds an unsynced blob. @param at when its bytes were hashed, wall-clock ms */
  put({ sha256, seal: { size, mtimeNs, ino } }: Blob, at: number): void {
    const key = Buffer.from(sha256, 'hex');
    this.#db.run(
      `INSERT INTO blobs VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (sha256) DO UPDATE SET seal_mtime_ns = excluded.seal_mtime_ns,
         seal_ino = excluded.seal_ino, verified_at = excluded.verified_at, is_synced = 0`,
      ...[key, size, mtimeNs, ino, at],
    );
  }

  /** Marks a blob as synced, unless another file has its name by now. */
  synced({ sha256, seal }: Blob): void {
    this.#db.run('UPDATE blobs SET is_synced = 1 WHERE sha256 = ? AND seal_ino = ?', Buffer.from(sha256, 'hex'), seal.ino);
  }

  /** The names of unsynced blobs. */
  unsynced(): string[] {
    const rows = this.#db.all<{ sha256: Buffer }>('SELECT sha256 FROM blobs WHERE is_synced = 0');
    return rows.map(({ sha256 }) => sha256.toString('hex'));
  }

  verified(sha256: string, at: number): void {
    this.#db.run('UPDATE blobs SET verified_at = ? WHERE sha256 = ?', at, Buffer.from(sha256, 'hex'));
  }

  remove(sha256: string): void {
    this.#db.run('DELETE FROM blobs WHERE sha256 = ?', Buffer.from(sha256, 'hex'));
  }

  isUsed(sha256: string): boolean {
    return this.#db.get('SELECT 1 FROM entry_blobs WHERE sha256 = ? LIMIT 1', Buffer.from(sha256, 'hex')) !== undefined;
  }

  /** The ids of the entries that use it. */
  usersOf(sha256: string): number[] {
    const sql = 'SELECT entry_id AS id FROM entry_blobs WHERE sha256 = ?';
    return this.#db.all<{ id: number }>(sql, Buffer.from(sha256, 'hex')).map(({ id }) => id);
  }

  /** Blobs without an entry that were stored before a time, wall-clock ms. */
  unused(before: number): Blob[] {
    return this.#db.all<Row>(`SELECT ${columns} FROM blobs b WHERE b.verified_at < ? AND ${unused}`, before).map(blobOf);
  }

  /** The names that begin with these two digits. */
  inFolder(folder: string): string[] {
    const first = Buffer.from(folder, 'hex');
    const last = Buffer.concat([first, Buffer.alloc(31, 0xff)]);
    const rows = this.#db.all<{ sha256: Buffer }>('SELECT sha256 FROM blobs WHERE sha256 BETWEEN ? AND ?', first, last);
    return rows.map(({ sha256 }) => sha256.toString('hex'));
  }

  /** All blobs, page by page. */
  *all(): Iterable<Blob> {
    for (let last: Buffer = Buffer.alloc(0); ; ) {
      const page = this.#db.all<Row>(`SELECT ${columns} FROM blobs b WHERE b.sha256 > ? ORDER BY b.sha256 LIMIT 500`, last);
      if (page.length === 0) return;
      last = page.at(-1)?.sha256 ?? last;
      yield* page.map(blobOf);
    }
  }
}

function blobOf({ sha256, size, mtimeNs, ino }: Row): Blob {
  return { sha256: sha256.toString('hex'), seal: { size, mtimeNs, ino } };
}
