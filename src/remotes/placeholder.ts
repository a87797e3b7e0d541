import { chmod, lstat, open, rename, rm, unlink, utimes } from 'node:fs/promises';
import { CacheError } from '../core/errors.ts';
import { placeholderOpening as opening } from '../core/remote.ts';
import { errnoOf } from '../runtime/errnos.ts';

/** An object of a remote. */
export interface RemoteObject {
  /** Bytes. */
  size: number;
  /** Whole seconds: a placeholder keeps no more. */
  mtimeNs: string;
}

/** Maximum disk space of a sparse file with a sentence, bytes. */
const mostOnDisk = 256 * 1024;
const probeBytes = 4 * 1024 * 1024;
const noRights = 0o000;

/**
 * Makes a sparse file of the object's size and time, which begins with a sentence for people and which no loader accepts: neither the
 * sentence nor zeros are a model. It never holds a true header: with one, zeros would load as weights.
 * @param temp an unused name in the same file system
 */
export async function makePlaceholder(path: string, { size, mtimeNs }: RemoteObject, from: { address: string; temp: string }) {
  const { address, temp } = from;
  const sentence = `${opening}this model lies in ${address}. It is copied when it is loaded through autocached. Start autocached.\n`;
  await rm(temp, { force: true });
  const file = await open(temp, 'wx', 0o600);
  try {
    await file.write(Buffer.from(sentence).subarray(0, size));
    await file.truncate(size);
  } finally {
    await file.close();
  }
  const seconds = secondsOf(mtimeNs);
  await utimes(temp, seconds, seconds);
  await chmod(temp, noRights);
  await rename(temp, path);
}

/** Whether this is the placeholder of exactly that object. */
export async function standsFor(path: string, { size, mtimeNs }: RemoteObject): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return !!found?.isFile() && found.size === size && Math.floor(found.mtimeMs / 1000) === secondsOf(mtimeNs) && isClosed(found);
}

/** Removes a file that is a placeholder. @returns false for any other one, which stays as it is */
export async function removePlaceholder(path: string): Promise<boolean> {
  if (!(await isPlaceholder(path))) return false;
  await unlink(path);
  return true;
}

/** Whether a file is a placeholder by its beginning. */
export async function isPlaceholder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (!found?.isFile() || !isClosed(found)) return false;
  await chmod(path, 0o400);
  try {
    const file = await open(path, 'r');
    try {
      const length = Math.min(opening.length, found.size);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
      return buffer.toString('latin1') === opening.slice(0, length);
    } finally {
      await file.close();
    }
  } finally {
    await chmod(path, noRights);
  }
}

/**
 * Checks that the volume of a directory has sparse files: otherwise each placeholder would take the room of its model.
 * @throws CacheError BAD_CONFIG
 */
export async function assertSparse(directory: string, temp: string): Promise<void> {
  try {
    await makePlaceholder(temp, { size: probeBytes, mtimeNs: '1000000000' }, { address: 'nowhere', temp: `${temp}-1` });
    const { blocks, size } = await lstat(temp);
    if (size === probeBytes && blocks * 512 <= mostOnDisk) return;
  } catch (error) {
    if (errnoOf(error) !== 'EFBIG' && errnoOf(error) !== 'ENOSPC') throw error;
  } finally {
    await rm(temp, { force: true });
  }
  throw new CacheError('BAD_CONFIG', `${directory} lies on a volume without sparse files: placeholders would fill it`, {
    hint: 'set AUTOCACHE_STATE to a directory on ext4, xfs, btrfs, APFS or tmpfs, not on FAT or exFAT',
  });
}

/** Whether a file has the mode of a placeholder: no access for anybody. Windows knows only whether a file is writable. */
export function isClosed({ mode }: { mode: number }): boolean {
  return process.platform === 'win32' ? (mode & 0o222) === 0 : (mode & 0o777) === noRights;
}

function secondsOf(mtimeNs: string): number {
  return Number(BigInt(mtimeNs) / 1_000_000_000n);
}
