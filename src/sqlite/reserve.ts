import { randomFillSync } from 'node:crypto';
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';

/** Enough for the catalog's writes until the first copies have left, bytes. */
const reservedBytes = 2 * 1024 * 1024;
/** With less free space than this a volume counts as full, bytes. */
const leastFree = 512 * 1024;
/** The reserve is made when this much is free, bytes: it must not take space that others wait for. */
const comfortable = 2 * reservedBytes;

/** Space beside the catalog, given up when its disk is full: freeing space begins with writing to the catalog. */
export class Reserve {
  readonly #file: string;
  #isThere: boolean;

  constructor(file: string) {
    this.#file = file;
    this.#isThere = existsSync(file);
  }

  /** Gives the space up when so little is free that nothing could be written. */
  giveUpIfFull(): void {
    if (this.#isThere && this.#free() < leastFree) this.giveUp();
  }

  /** @returns false when there is none */
  giveUp(): boolean {
    const wasThere = this.#isThere;
    rmSync(this.#file, { force: true });
    this.#isThere = false;
    return wasThere;
  }

  /** Makes it again when there is room. Quick while it is there. */
  renew(): void {
    if (this.#isThere || this.#free() < comfortable) return;
    // Zeros would take no space on a file system that compresses.
    writeFileSync(this.#file, randomFillSync(Buffer.allocUnsafe(reservedBytes)), { mode: 0o600 });
    this.#isThere = true;
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(dirname(this.#file));
    return bavail * bsize;
  }
}

/** True for an error of SQLite that says that its disk is full, also where it is told as a `CacheError`. */
export function isFull(error: unknown): boolean {
  if (error instanceof CacheError) return isFull(error.cause);
  return error instanceof Sqlite.SqliteError && /^SQLITE_(FULL|IOERR_(WRITE|SHMSIZE|SHMMAP|FSYNC))$/.test(error.code);
}
