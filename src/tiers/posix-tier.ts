import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CacheError, errnoOf } from '../core/errors.ts';
import type { Seal, TierName } from '../core/types.ts';
import type { CopyPlace, Tier } from './tier.ts';

const markerName = '.autocached';

/**
 * Opens a directory as a tier of plain files, creating it when it is not there.
 * @throws CacheError BAD_CONFIG when it holds files but not autocached's marker (law 2: nothing foreign is ever deleted).
 */
export function openPosixTier(name: TierName, dir: string): Tier {
  claim(dir);
  const partialDir = join(dir, 'partial');
  mkdirSync(partialDir, { recursive: true });

  return {
    name,
    dir,
    partialDir,
    placeOf: (root, rel) => placeOf(dir, root, rel),
    capacity: () => {
      const { bsize, blocks, bavail } = statfsSync(dir);
      return { size: bsize * blocks, free: bsize * bavail };
    },
    check: checkSeal,
    takeOut: (path) => takeOut({ dir, partialDir, path }),
    free: (leaving) => rm(leaving, { force: true }),
  };
}

/** Mirrors a root below the tier: a readable name with a hash that keeps equally named roots apart. */
function placeOf(dir: string, root: string, rel: string): CopyPlace {
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 10);
  const readable = basename(root).replace(/[^\w.-]/g, '_') || 'root';
  const below = join(`${readable}-${hash}`, rel);
  return { path: join(dir, 'files', below), sealPath: join(dir, 'seals', `${below}.json`) };
}

/** Where the proof of a copy lies. */
export function sealPathOf(dir: string, copyPath: string): string {
  return `${join(dir, 'seals')}${copyPath.slice(join(dir, 'files').length)}.json`;
}

/** Where the copy of a proof lies: the reverse of `sealPathOf`. */
export function copyPathOf(dir: string, sealPath: string): string {
  return `${join(dir, 'files')}${sealPath.slice(join(dir, 'seals').length, -'.json'.length)}`;
}

function checkSeal(path: string, seal: Seal): 'ok' | 'gone' | 'changed' {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat) return 'gone';
  const same =
    stat.isFile() && Number(stat.size) === seal.size && String(stat.mtimeNs) === seal.mtimeNs && String(stat.ino) === seal.ino;
  return same ? 'ok' : 'changed';
}

function takeOut({ dir, partialDir, path }: { dir: string; partialDir: string; path: string }): string {
  const leaving = join(partialDir, `${randomUUID()}.leaving`);
  try {
    renameSync(path, leaving);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT') {
      throw new CacheError('IN_USE', `${path} cannot be removed now (${errno})`, {
        hint: 'A program still has it open; it is tried again later.',
        cause: error,
      });
    }
  }
  rmSync(sealPathOf(dir, path), { force: true });
  pruneEmptyParents(dir, path);
  pruneEmptyParents(dir, sealPathOf(dir, path));
  return leaving;
}

/** Removes directories that became empty; a directory that holds anything, ours or not, stays. */
function pruneEmptyParents(dir: string, path: string): void {
  const stop = [join(dir, 'files'), join(dir, 'seals')];
  for (let parent = dirname(path); !stop.includes(parent) && parent.startsWith(dir); parent = dirname(parent)) {
    try {
      rmdirSync(parent);
    } catch {
      return;
    }
  }
}

function claim(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const names = readdirSync(dir);
  if (names.includes(markerName)) return;
  if (names.length > 0) {
    throw new CacheError('BAD_CONFIG', `the cache directory ${dir} holds files that are not autocached's`, {
      hint: 'Name an empty or new directory in AUTOCACHE_DIR.',
    });
  }
  writeFileSync(join(dir, markerName), 'autocached owns this directory: what it did not put here it does not touch.\n');
  if (process.platform !== 'win32') chmodSync(dir, 0o700);
}

/** True when `dir` carries the marker, that is, when what the catalog owns below it may be deleted. */
export function isClaimed(dir: string): boolean {
  try {
    readFileSync(join(dir, markerName));
    return true;
  } catch {
    return false;
  }
}
