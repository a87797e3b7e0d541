import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';
import { lockHolder, lockName, noteHolder } from '../runtime/lock-holder.ts';
import { setAside, setAsideUnless } from '../runtime/set-aside.ts';
import { isDamage } from '../sqlite/damage.ts';

/** Keeps the locks referenced: the garbage collector would release one without references. */
const held = new Set<Sqlite.Database>();

/** A second one beside it: who takes the first for a leftover and removes it does not let another daemon in. */
const lockNames = [lockName, '.autocached.lock'] as const;

/**
 * Takes the one-daemon lock of a directory, held until the returned function is called or the process ends. The operating system
 * releases it at any kind of end, so a crash leaves nothing stale behind.
 * @param onSetAside told of a lock that is none, and of its new name
 * @throws CacheError ALREADY_RUNNING when another process holds it.
 */
export function lockDirectory(dir: string, what: string, onSetAside: (path: string) => void = () => {}): () => void {
  const locks: Sqlite.Database[] = [];
  try {
    for (const name of lockNames) locks.push(lockFile(join(dir, name), onSetAside));
  } catch (error) {
    for (const lock of locks) lock.close();
    if (!isBusy(error)) throw error;
    const holder = lockHolder(dir);
    const who = holder === null ? 'another autocached' : `another autocached (pid ${holder})`;
    throw new CacheError('ALREADY_RUNNING', `${who} is using the ${what} ${dir}`, {
      hint: 'Stop it with `autocached stop`, or give this one its own AUTOCACHE_DIR, AUTOCACHE_STATE and AUTOCACHE_RAM_DIR.',
      cause: error,
    });
  }
  for (const lock of locks) held.add(lock);
  noteHolder(dir);
  return () => {
    for (const lock of locks) {
      held.delete(lock);
      lock.close();
    }
  };
}

function lockFile(file: string, onSetAside: (path: string) => void): Sqlite.Database {
  const wrong = setAsideUnless(file, 'file');
  if (wrong) onSetAside(wrong);
  const db = new Sqlite(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (!isDamage(error)) throw error;
    onSetAside(setAside(file));
    return lockFile(file, onSetAside);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
