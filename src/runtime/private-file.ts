import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { CacheError } from '../core/errors.ts';

/** Maximum size of a private file, bytes: the token, the daemon's address, its directories. */
const largest = 64 * 1024;

/**
 * Replaces `file` by `text`, readable by this user only unless `mode` allows more. It is first written under an unguessable name,
 * where no link can have been planted.
 */
export function writePrivately(file: string, text: string | Buffer, mode = 0o600): void {
  const next = `${file}.${randomUUID()}.new`;
  try {
    writeFileSync(next, text, { mode, flag: 'wx' });
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/** Permitted writers and readers of a file to be read. */
const rules = {
  /** This user, or the system's. */
  ours: 0o022,
  /** The same, and no other user can read it. */
  secret: 0o077,
  /** Any user: the file was named on purpose. */
  any: null,
} as const;

/**
 * The text of a small regular file that follows the rule; a link is none.
 * @param group see `troubleWith`
 * @throws Error with its fault, or the system's
 */
export function readPrivately(file: string, rule: keyof typeof rules, group: number | null = null): string {
  return readPrivateBytes(file, rule, group).toString('utf8');
}

/** The bytes of such a file; as `readPrivately`. */
export function readPrivateBytes(file: string, rule: keyof typeof rules, group: number | null = null): Buffer {
  // Opening a pipe or a device must not wait. The secret of a container may be a link.
  const follow = rule === 'any' ? 0 : (constants.O_NOFOLLOW ?? 0);
  const fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | follow);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error(`${file} is no regular file`);
    const forbidden = rules[rule];
    const trouble = forbidden === null ? null : troubleWith(stat, forbidden, undefined, group);
    if (trouble) throw new Error(`${file} ${trouble}`);
    if (stat.size > largest) throw new Error(`${file} is too large`);
    const bytes = Buffer.alloc(stat.size);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** Forbidden to others in a directory, as mode bits. */
const closedTo = { writers: 0o022, all: 0o077 } as const;

/**
 * Closes a directory of this user to other users.
 * @throws CacheError BAD_CONFIG when it belongs to another user, or others may write to it and that cannot be changed
 */
export function closeDirectory(dir: string, to: keyof typeof closedTo, key: string, user = process.geteuid?.()): void {
  if (user === undefined) return;
  const { uid, mode } = statSync(dir);
  if (uid !== user) {
    throw new CacheError('BAD_CONFIG', `${key}: ${dir} belongs to another user`, {
      hint: `Name a directory of your own in ${key}.`,
    });
  }
  if ((mode & closedTo[to]) === 0) return;
  try {
    chmodSync(dir, mode & 0o7777 & ~closedTo[to]);
  } catch {
    // A file system without modes shows the mode of its mount, which is checked next.
  }
  if ((statSync(dir).mode & closedTo.writers) === 0) return;
  throw new CacheError('BAD_CONFIG', `${key}: others may write to ${dir}`, {
    hint: `Name a directory in ${key} that only you can write to.`,
  });
}

/**
 * Why a file may have contents of other users; null without a reason. A file that its own group can write to is common on systems
 * where each user has a private group.
 */
export function writtenByOthers(file: string): string | null {
  const stat = statSync(file);
  return troubleWith(stat, stat.gid === process.getegid?.() ? 0o002 : 0o022);
}

/**
 * Why this user cannot trust files stored there; null without a reason.
 * @param forbidden bits of the mode that must not be set
 * @param group files shared with this group are trusted, if its members can only read them and others cannot even that
 */
export function troubleWith(
  { uid, gid, mode }: Pick<Stats, 'uid' | 'mode'> & { gid?: number },
  forbidden: number,
  user = process.geteuid?.(),
  group: number | null = null,
): string | null {
  if (user === undefined) return null;
  if (group !== null && gid === group && (mode & (forbidden & 0o044 ? 0o027 : 0o022)) === 0) return null;
  if (uid !== user && uid !== 0) return 'belongs to another user';
  if ((mode & forbidden) === 0) return null;
  return forbidden & 0o044 ? 'can be read or written by other users' : 'can be written by other users';
}
