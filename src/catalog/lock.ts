import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { CacheError } from '../core/errors.ts';
import { lockHolder, lockName, noteHolder } from '../runtime/lock-holder.ts';

/** Keeps the locks referenced: the garbage collector would release one without references. */
const held = new Set<Sqlite.Database>();

/**
 * Takes the one-daemon lock of a directory, held until the returned function is called or the process ends. The operating system
 * releases it at any kind of end, so a crash leaves nothing stale behind.
 * @throws CacheError ALREADY_RUNNING when another process holds it.
 */
export function lockDirectory(dir: string, what: string): () => void {
  const db = new Sqlite(join(dir, lockName), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error;
    const holder = lockHolder(dir);
    const who = holder === null ? 'another autocached' : `another autocached (pid ${holder})`;
    throw new CacheError('ALREADY_RUNNING', `${who} is using the ${what} ${dir}`, {
      hint: 'Stop it with `autocached stop`, or give this one its own AUTOCACHE_DIR, AUTOCACHE_STATE and AUTOCACHE_RAM_DIR.',
      cause: error,
    });
  }
  held.add(db);
  noteHolder(dir);
  return () => {
    held.delete(db);
    db.close();
  };
}
