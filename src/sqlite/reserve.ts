import { randomFillSync } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';

/** Size of the reserve, bytes: enough for the writes to the database until the first copies or results have left. */
const reservedBytes = 2 * 1024 * 1024;
/** Number of files of the reserve: a volume can also run out of inodes, and a start makes files: the token, the log of the database. */
const reservedFiles = 4;
/** Minimum free bytes and files, below which a volume counts as full. */
const leastFree = { bytes: 512 * 1024, files: reservedFiles };
/** Minimum free bytes and files for making the reserve, so that it takes no space that others need. */
const comfortable = { bytes: 2 * reservedBytes, files: 4 * reservedFiles };

/** Space beside a database, given up when its disk is full: freeing space begins with writing to the database. */
export class Reserve {
  readonly #directory: string;
  #isThere: boolean;

  constructor(directory: string) {
    this.#directory = directory;
    this.#isThere = existsSync(directory);
  }

  /** Gives the space up when too little is free to write anything. */
  giveUpIfFull(): void {
    if (this.#isThere && !this.#hasFree(leastFree)) this.giveUp();
  }

  /** @returns false when there is none */
  giveUp(): boolean {
    const wasThere = this.#isThere;
    rmSync(this.#directory, { force: true, recursive: true });
    this.#isThere = false;
    return wasThere;
  }

  /** Renews the reserve when there is room. Fast while it exists. */
  renew(): void {
    if (this.#isThere || !this.#hasFree(comfortable)) return;
    mkdirSync(this.#directory, { mode: 0o700, recursive: true });
    for (let number = 0; number < reservedFiles; number += 1) {
      // Zeros would take no space on a file system that compresses.
      const content = randomFillSync(Buffer.allocUnsafe(reservedBytes / reservedFiles));
      writeFileSync(join(this.#directory, String(number)), content, { mode: 0o600 });
    }
    this.#isThere = true;
  }

  #hasFree(least: { bytes: number; files: number }): boolean {
    const { bavail, bsize, files, ffree } = statfsSync(dirname(this.#directory));
    // File systems without a limit on files report 0.
    return bavail * bsize >= least.bytes && (files === 0 || ffree >= least.files);
  }
}

/** True for an error of SQLite for a full disk, also in the form of a `CacheError`. */
export function isFull(error: unknown): boolean {
  if (error instanceof CacheError) return isFull(error.cause);
  return error instanceof Sqlite.SqliteError && /^SQLITE_(FULL|IOERR_(WRITE|SHMSIZE|SHMMAP|FSYNC))$/.test(error.code);
}
