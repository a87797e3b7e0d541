import { statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';
import { holderOfRemoved, lockHolder, lockName, noteHolder } from '../runtime/lock-holder.ts';
import { setAside, setAsideUnless } from '../runtime/set-aside.ts';
import { isDamage } from '../sqlite/damage.ts';
import { isFull } from '../sqlite/reserve.ts';
import { isBusy } from '../sqlite/trouble.ts';

/** Two files: removing the first one as a leftover does not admit another daemon. */
const lockNames = [lockName, '.autocached.lock'] as const;
/** Interval between two checks of whether the locks are in place, ms. */
const lookMs = 5_000;

export interface LockOptions {
  /** Called with the new name of a file that is no lock. */
  onSetAside?: (path: string) => void;
  /** Called when the locks were removed and another process has taken them: this one must end. */
  onLost?: (why: CacheError) => void;
}

interface Lock {
  db: Sqlite.Database;
  file: string;
  /** Device and inode. */
  id: string | null;
}

/**
 * Takes the one-daemon lock of a directory, held until the returned function is called or the process ends. The operating system
 * releases it at any kind of end, so a crash leaves nothing stale behind. A lock file that is removed is put back.
 * @throws CacheError ALREADY_RUNNING when another process holds it, even if the files of its lock were removed; NO_SPACE or
 *   BAD_CONFIG when none can be made.
 */
export function lockDirectory(dir: string, what: string, { onSetAside, onLost = () => {} }: LockOptions = {}): () => void {
  let locks = take(
    dir,
    what,
    lockNames.map((name) => join(dir, name)),
    onSetAside,
  );
  const directory = idOf(dir);
  noteHolder(dir);
  const look = () => {
    const removed = locks.filter(({ file, id }) => idOf(file) !== id);
    // Its volume may be away, or another one in its place.
    if (removed.length === 0 || idOf(dir) !== directory) return;
    const files = removed.map(({ file }) => file);
    try {
      // A removed lock file guards nothing; this process held it.
      close(removed);
      locks = [...locks.filter((lock) => !removed.includes(lock)), ...take(dir, what, files, onSetAside)];
    } catch (error) {
      locks = locks.filter((lock) => !removed.includes(lock));
      if (!(error instanceof CacheError) || error.code !== 'ALREADY_RUNNING') return;
      clearInterval(looking);
      onLost(error);
    }
  };
  const looking = setInterval(look, lookMs).unref();
  return () => {
    clearInterval(looking);
    close(locks);
  };
}

/** @throws CacheError ALREADY_RUNNING */
function take(dir: string, what: string, files: readonly string[], onSetAside: LockOptions['onSetAside']): Lock[] {
  const locks: Lock[] = [];
  try {
    for (const file of files) locks.push({ db: lockFile(file, onSetAside), file, id: idOf(file) });
  } catch (error) {
    close(locks);
    throw isBusy(error) ? alreadyRunning(dir, what, lockHolder(dir), error) : unusable(dir, what, error);
  }
  const holder = holderOfRemoved(files);
  if (holder === null) return locks;
  close(locks);
  throw alreadyRunning(dir, what, holder);
}

function alreadyRunning(dir: string, what: string, holder: number | null, cause?: unknown): CacheError {
  const who = holder === null ? 'another autocached' : `another autocached (pid ${holder})`;
  return new CacheError('ALREADY_RUNNING', `${who} is using the ${what} ${dir}`, {
    hint: 'Stop it with `autocached stop`, or give this one its own AUTOCACHE_DIR, AUTOCACHE_STATE and AUTOCACHE_RAM_DIR.',
    ...(cause !== undefined && { cause }),
  });
}

function unusable(dir: string, what: string, cause: unknown): unknown {
  if (!(cause instanceof Sqlite.SqliteError)) return cause;
  if (isFull(cause)) {
    return new CacheError('NO_SPACE', `the disk of the ${what} ${dir} is full`, { hint: 'Free a few MiB on it.', cause });
  }
  return new CacheError('BAD_CONFIG', `nothing can be written to the ${what} ${dir} (${cause.message})`, {
    hint: 'Its disk may be read-only, or its files may belong to another user.',
    cause,
  });
}

function close(locks: readonly Lock[]): void {
  for (const { db } of locks) db.close();
}

function idOf(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}` : null;
}

function lockFile(file: string, onSetAside: LockOptions['onSetAside']): Sqlite.Database {
  const wrong = setAsideUnless(file, 'file');
  if (wrong) onSetAside?.(wrong);
  const db = new Sqlite(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isDamage(error)) throw error;
    onSetAside?.(setAside(file));
    return lockFile(file, onSetAside);
  }
}
