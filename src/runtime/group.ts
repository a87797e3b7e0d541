import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { CacheError, sentenceOf } from '../core/errors.ts';

const setting = 'AUTOCACHE_GROUP';

/**
 * The number of a group that is given by its name or its number.
 * @throws CacheError BAD_CONFIG when there is no such group, or the system has none
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
 * Opens a directory to a group: its members may read what is in it, and what is made in it belongs to the group.
 * @throws CacheError BAD_CONFIG when this user is not in the group
 */
export function shareWithGroup(dir: string, group: number): void {
  try {
    chownSync(dir, -1, group);
    chmodSync(dir, 0o2750);
  } catch (cause) {
    throw bad(`${dir} cannot be given to it: ${sentenceOf(cause)}`, 'start the daemon as a member of the group', cause);
  }
}

function bad(why: string, hint = 'name a group that you and the other user are in', cause?: unknown): CacheError {
  return new CacheError('BAD_CONFIG', `${setting}: ${why}`, { hint, cause });
}
