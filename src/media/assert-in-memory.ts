import { lstatSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';

/** statfs(2) type numbers of tmpfs and ramfs. */
const inMemory = [0x01021994, 0x858458f6];

/**
 * Refuses a "RAM tier" on a disk, which would wear the disk and gain nothing. Only Linux can check this; elsewhere the setting is trusted.
 * @param dir an absolute path without links, which need not exist yet
 * @throws CacheError BAD_CONFIG
 */
export function assertInMemory(dir: string, typeOf = fileSystemType): void {
  if (process.platform !== 'linux' || liesInMemory(dir, typeOf)) return;
  throw new CacheError('BAD_CONFIG', `AUTOCACHE_RAM_DIR: ${dir} does not lie in memory (tmpfs or ramfs)`, {
    hint: 'Name a directory on a tmpfs, such as /dev/shm/autocached, or set AUTOCACHE_RAM_LIMIT=off.',
  });
}

/** Whether a path is on a file system in memory; always false except on Linux. */
export function liesInMemory(path: string, typeOf = fileSystemType): boolean {
  return process.platform === 'linux' && inMemory.includes(typeOf(path));
}

function fileSystemType(path: string): number {
  for (let existing = path; ; existing = dirname(existing)) {
    try {
      return statfsSync(existing).type;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || dirname(existing) === existing) throw error;
    }
  }
}

/**
 * Every user may make directories in /dev/shm. A directory of another user, or writable by one, could serve that user's files as copies.
 * @throws CacheError BAD_CONFIG
 */
export function assertOwn(dir: string, user = process.getuid?.()): void {
  if (user === undefined) return;
  const { uid, mode } = lstatSync(dir);
  if (uid === user && (mode & 0o022) === 0) return;
  throw new CacheError('BAD_CONFIG', `AUTOCACHE_RAM_DIR: ${dir} belongs to another user, or others may write to it`, {
    hint: 'Name a directory in AUTOCACHE_RAM_DIR that only you can write to.',
  });
}
