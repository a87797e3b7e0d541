import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CacheError, sentenceOf } from '../core/errors.ts';

const setting = 'AUTOCACHE_GROUP';

/**
 * The number of a group given by its name or its number.
 * @throws CacheError BAD_CONFIG when the group does not exist, or the system has no groups
 */
export function groupId(given: string): number {
  if (process.geteuid === undefined) throw bad('groups of users are not known on this system');
  if (/^\d+$/.test(given)) return Number(given);
  // Group names may come from a directory service, which only the system's own tools ask.
  const [tool = '', ...words] =
    process.platform === 'darwin' ? ['dscl', '.', '-read', `/Groups/${given}`] : ['getent', 'group', given];
  const { stdout } = spawnSync(tool, words, { encoding: 'utf8', timeout: 5000 });
  const found = /(?:^[^:]*:[^:]*:|PrimaryGroupID: )(\d+)/m.exec(stdout ?? '')?.[1];
  if (found === undefined) throw bad(`there is no group ${given}`);
  return Number(found);
}

/**
 * Opens a directory to a group: its members may read its contents, and new files in it belong to the group.
 * @throws CacheError BAD_CONFIG when this user is not in the group
 */
export function shareWithGroup(dir: string, group: number): void {
  shareAs(dir, group, 0o2750);
}

function shareAs(path: string, group: number, mode: number): void {
  try {
    chownSync(path, -1, group);
    chmodSync(path, mode);
  } catch (cause) {
    throw bad(`${path} cannot be given to it: ${sentenceOf(cause)}`, 'start the daemon as a member of the group', cause);
  }
}

/** The same for all directories in it, because those made before it was shared are closed to the group. */
export async function shareBelow(dir: string, group: number): Promise<void> {
  if (!existsSync(dir)) return;
  shareWithGroup(dir, group);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await shareBelow(join(dir, entry.name), group);
  }
}

/** Opens a file of this user, if it exists, to a group. @throws as `shareWithGroup` */
export function shareFile(file: string, group: number): void {
  if (existsSync(file)) shareAs(file, group, 0o640);
}

function bad(why: string, hint = 'name a group that you and the other user are in', cause?: unknown): CacheError {
  return new CacheError('BAD_CONFIG', `${setting}: ${why}`, { hint, cause });
}
