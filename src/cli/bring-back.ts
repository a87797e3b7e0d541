import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WrittenFile } from '../api/written.ts';
import { CacheError, troubleOf } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Fingerprint } from '../core/types.ts';
import { copyToNew } from '../runtime/copy-file.ts';
import { meaningOf } from '../runtime/errnos.ts';

/**
 * Outcome of bringing a file beside its source. `add`: no file has that name. `replace`: the present file is the one whose copy the program
 * wrote to. `same`: the file is beside it already. `changed`: another file is there, or that one has changed.
 * `away`: its folder does not exist.
 */
export type BringBackStep = 'add' | 'replace' | 'same' | 'changed' | 'away';

export interface BringBackPlan {
  file: WrittenFile;
  step: BringBackStep;
}

/** Looks at the place beside the source; changes nothing. */
export async function planBringBack(file: WrittenFile): Promise<BringBackPlan> {
  const { source, path, root, was } = file;
  // A program may have made a folder for it; an empty root is a mount point whose volume is away.
  const isThere = (await isFolder(dirname(source))) || (await readdir(root).catch(() => [])).length > 0;
  if (!isThere) return { file, step: 'away' };
  const there = await lookAt(source);
  if (there === null) return { file, step: 'add' };
  if (there.isFile() && (await haveSameBytes(path, source))) return { file, step: 'same' };
  const isAsItWas = was !== null && there.isFile() && isSameFingerprint(was, fingerprintOf(there));
  return { file, step: isAsItWas ? 'replace' : 'changed' };
}

/**
 * Brings a file beside its source, in one step for any reader: written under another name, flushed, renamed.
 * @throws CacheError SOURCE_CHANGED when the file there is not the planned one; errors of the file system
 */
export async function bringBack({ file, step }: BringBackPlan): Promise<void> {
  if (step === 'same') return;
  const { path, source, mtimeNs } = file;
  const temp = join(dirname(source), `.${basename(source)}.${randomUUID()}`);
  await mkdir(dirname(source), { recursive: true });
  try {
    await copyToNew(path, temp, mtimeNs);
    if (step !== 'changed' && (await planBringBack(file)).step !== step) {
      throw new CacheError('SOURCE_CHANGED', `${source} was written meanwhile; it is left as it is`);
    }
    if (step === 'add') await renameToNew(temp, source);
    else await rename(temp, source);
  } finally {
    await rm(temp, { force: true });
  }
}

/** Never replaces a file that came there meanwhile, if the file system has hard links. */
async function renameToNew(temp: string, source: string): Promise<void> {
  try {
    await link(temp, source);
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning !== 'denied' && meaning !== 'unsupported') {
      throw new CacheError('SOURCE_CHANGED', `${source} cannot be written: ${troubleOf(error)}`, { cause: error });
    }
    await rename(temp, source);
  }
}

async function haveSameBytes(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([open(one), open(other)]);
  try {
    const [{ size: sizeA }, { size: sizeB }] = await Promise.all([a.stat(), b.stat()]);
    return sizeA === sizeB && (await areEqual(a, b));
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function areEqual(a: FileHandle, b: FileHandle): Promise<boolean> {
  const piece = 1 << 20;
  const [left, right] = [Buffer.alloc(piece), Buffer.alloc(piece)];
  for (let at = 0; ; at += piece) {
    const [one, other] = await Promise.all([a.read(left, 0, piece, at), b.read(right, 0, piece, at)]);
    if (!left.subarray(0, one.bytesRead).equals(right.subarray(0, other.bytesRead))) return false;
    if (one.bytesRead < piece) return true;
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  return found !== null && (found.isDirectory() || found.isSymbolicLink());
}

function fingerprintOf({ size, mtimeNs, ctimeNs, ino }: BigIntStats): Fingerprint {
  return { size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) };
}

function lookAt(path: string) {
  return lstat(path, { bigint: true }).catch((error: unknown) => {
    if (meaningOf(error) === 'missing') return null;
    throw error;
  });
}
