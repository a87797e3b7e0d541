import Sqlite from 'better-sqlite3';
import { CacheError, messageOf } from '../core/errors.ts';
import { isFull } from './reserve.ts';
import type { Schema } from './schema.ts';

/** True when another program holds the lock that a write needs, also in the form of a `CacheError`. */
export function isBusy(error: unknown): boolean {
  if (error instanceof CacheError) return isBusy(error.cause);
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

/** True for an error of SQLite, also in the form of a `CacheError`. */
export function isOfDatabase(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError || (error instanceof CacheError && isOfDatabase(error.cause));
}

/**
 * The error for users when a file cannot be read or written: BUSY while it is locked, NO_SPACE on a full disk, CACHE_IO on one that is
 * read-only or fails. Damage of the file, and every other error, stays as it is.
 */
export function troubleWith(file: string, { name }: Pick<Schema, 'name'>, cause: unknown): unknown {
  if (!(cause instanceof Sqlite.SqliteError)) return cause;
  if (isFull(cause)) {
    return new CacheError('NO_SPACE', `${name} cannot be written: the disk of ${file} is full`, {
      hint: 'free some MiB on it; autocached purge works on a full disk, too, and so does deleting copies by hand',
      cause,
    });
  }
  if (isBusy(cause)) return lockedBy(file, name, cause);
  if (/^SQLITE_(READONLY|CANTOPEN)/.test(cause.code)) {
    return new CacheError('CACHE_IO', `${name} cannot be written: ${file}`, {
      hint: 'Give your user the right to write it and its folder; a disk that has failed may be mounted read-only.',
      cause,
    });
  }
  if (!cause.code.startsWith('SQLITE_IOERR')) return cause;
  return new CacheError('CACHE_IO', `the disk of ${file} fails (${messageOf(cause)})`, {
    hint: "Look at the disk: the system's log, such as dmesg, says more.",
    cause,
  });
}

/** @param name as in its schema */
export function lockedBy(file: string, name: string, cause?: unknown): CacheError {
  return new CacheError('BUSY', `another program holds ${name} locked: ${file}`, {
    hint: 'Close the program that has it open, such as a viewer of SQLite files or a backup, and try again.',
    ...(cause !== undefined && { cause }),
  });
}
