import { randomFillSync } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';

/** Enough for the writes to the database until the first copies or results have left, bytes. */
const reservedBytes = 2 * 1024 * 1024;
/** In so many files: a volume can be out of files (inodes) as well, and a start makes some: the token, the log of the database. */
const reservedFiles = 4;
/** With less free than this a volume counts as full: bytes, and files. */
const leastFree = { bytes: 512 * 1024, files: reservedFiles };
/** The reserve is made when this much is free: it must not take what others wait for. */
const comfortable = { bytes: 2 * reservedBytes, files: 4 * reservedFiles };

/** Space beside a database, given up when its disk is full: freeing space begins with writing to the database. */
export class Reserve {
  readonly #directory: string;
  #isThere: boolean;

  constructor(directory: string) {
    this.#directory = directory;
    this.#isThere = existsSync(directory);
  }

  /** Gives the space up when so little is free that nothing could be written. */
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

  /** Makes it again when there is room. Quick while it is there. */
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
    // Where any number of files can be, none are counted.
    return bavail * bsize >= least.bytes && (files === 0 || ffree >= least.files);
  }
}

/** True for an error of SQLite that says that its disk is full, also where it is told as a `CacheError`. */
export function isFull(error: unknown): boolean {
  if (error instanceof CacheError) return isFull(error.cause);
  return error instanceof Sqlite.SqliteError && /^SQLITE_(FULL|IOERR_(WRITE|SHMSIZE|SHMMAP|FSYNC))$/.test(error.code);
}
