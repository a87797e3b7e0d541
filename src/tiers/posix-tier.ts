import { randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, normalize, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Seal, TierName, TierState } from '../core/types.ts';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';
import { gathered } from '../runtime/gathered.ts';
import { setAsideUnless } from '../runtime/set-aside.ts';
import { filesInUse } from './in-use.ts';
import { canLink, isLinkTo, replaceByLink } from './leave-link.ts';
import { fitsSeal, prepareManifest, readManifest } from './manifest.ts';
import { claim, stateOf } from './marker.ts';
import { mirrorPath } from './mirror.ts';
import { assertNameable, longestName, nameWith } from './names.ts';
import type { PosixTier } from './tier.ts';

/**
 * Opens a directory as a tier of files, creating it if absent.
 * @throws CacheError BAD_CONFIG when it holds files but not autocached's marker (law 2: nothing foreign is ever deleted).
 */
export function openPosixTier(name: TierName, given: string): PosixTier {
  const id = claim(given, tierTraits[name].quota.settings.dir);
  // The system reports open files by their real paths; a tier behind a link would find none of its copies in use.
  const tier = posixTier(name, { dir: realpathSync(given), id });
  tier.open();
  return tier;
}

/** A tier whose directory is known, and may be away: it is not used until it is opened. */
export function posixTier(name: TierName, { dir, id }: { dir: string; id: string | null }): PosixTier {
  const { suffix } = tierTraits[name];
  const partialDir = join(dir, 'partial');
  let mostName = 255;
  const manifestPathOf = (copyPath: string) => manifestPath(dir, copyPath, mostName);
  let isOpen = false;
  let leavesLinks = true;
  let capacity = { size: 0, free: 0 };
  const present = (): TierState => stateOf(dir, id, partialDir);
  const state = (): TierState => {
    const now = isOpen ? present() : 'away';
    // A returned volume may differ from the catalog until it was checked. In memory nothing outlasts its volume.
    if (now === 'away' && !tierTraits[name].volatile) isOpen = false;
    return now;
  };

  return {
    name,
    dir,
    id,
    partialDir,
    state,
    present,
    open() {
      isOpen = true;
      if (state() !== 'here') return;
      // Ours by the marker; anything that replaced these folders is kept under another name.
      for (const name of ['partial', 'files', 'seals']) setAsideUnless(join(dir, name), 'folder');
      mkdirSync(partialDir, { recursive: true });
      leavesLinks = canLink(partialDir);
      mostName = longestName(partialDir);
    },
    placeOf: (root, rel) => {
      const mirrored = join(dir, 'files', mirrorPath(root, rel));
      // A file that is not opened by its name may have a shorter one.
      const path = suffix === '' ? mirrored : join(dirname(mirrored), nameWith(basename(mirrored), suffix, mostName));
      assertNameable(path, mostName);
      return { path, manifestPath: manifestPathOf(path) };
    },
    manifestPathOf,
    capacity() {
      // An empty mount point belongs to another volume.
      if (state() !== 'away') {
        const { bsize, blocks, bavail } = statfsSync(dir);
        capacity = { size: bsize * blocks, free: bsize * bavail };
      }
      return capacity;
    },
    check(path, seal) {
      if (!isPlaceIn(dir, path)) return 'elsewhere';
      const verdict = checkSeal(path, seal);
      return verdict !== 'ok' && state() === 'away' ? 'away' : verdict;
    },
    manifestOf: (copyPath) => readManifest(manifestPathOf(copyPath)),
    async replaceManifest(copyPath, manifest, isWanted) {
      const next = await prepareManifest(partialDir, manifest);
      const wanted = isWanted();
      if (wanted) renameSync(next, manifestPathOf(copyPath));
      else rmSync(next, { force: true });
      return wanted;
    },
    dropManifest: (copyPath) => rmSync(manifestPathOf(copyPath), { force: true }),
    // With dozens of programs a scan takes a good part of a second: concurrent evictions share it.
    openFiles: gathered(() => filesInUse(dir)),
    leavesLinks: () => leavesLinks,
    hasForeign: (path) => isPlaceIn(dir, path) && isPlainFile(path) && !existsSync(manifestPathOf(path)),
    takeOut: (path, linkTo = null) => takeOut({ dir, partialDir, path, proof: manifestPathOf(path), linkTo }),
    dropLink: (path, source) => {
      if (!isPlaceIn(dir, path)) return;
      if (state() === 'away') throw new CacheError('CACHE_AWAY', `${dir} is not there`);
      if (!isLinkTo(path, source)) return;
      rmSync(path, { force: true });
      pruneEmptyParents(dir, path);
    },
    free: (leaving) => rm(leaving, { force: true }),
  };
}

function manifestPath(dir: string, copyPath: string, mostName: number): string {
  const below = dirname(copyPath).slice(join(dir, 'files').length);
  return `${join(dir, 'seals')}${below}${sep}${nameWith(basename(copyPath), '.json', mostName)}`;
}

/** The path of a proof's copy: the reverse of `Tier.manifestPathOf`. For a name that was cut, the path is in the proof. */
export function copyPathOf(dir: string, manifestPath: string): string {
  return `${join(dir, 'files')}${manifestPath.slice(join(dir, 'seals').length, -'.json'.length)}`;
}

/** Checks a file against its seal. A link or a folder is not the copy (law 7), and an unreadable file cannot be served. */
function checkSeal(path: string, seal: Seal): 'ok' | 'gone' | 'changed' {
  try {
    const stat = lstatSync(path, { bigint: true });
    if (!stat.isFile()) return 'gone';
    return fitsSeal(stat, seal) ? 'ok' : 'changed';
  } catch {
    return 'gone';
  }
}

interface Leaving {
  dir: string;
  partialDir: string;
  path: string;
  proof: string;
  linkTo: string | null;
}

function takeOut({ dir, partialDir, path, proof, linkTo }: Leaving): string {
  if (!isPlaceIn(dir, path)) throw new Error(`${path} is not a place of this tier`);
  let leaving = join(partialDir, `${randomUUID()}.leaving`);
  try {
    if (isPlainFile(path)) {
      mkdirSync(partialDir, { recursive: true });
      if (linkTo !== null) leaving = replaceByLink(path, linkTo, partialDir);
      else renameSync(path, leaving);
    }
  } catch (error) {
    // On a full disk there may be no room for another name.
    if (meaningOf(error) === 'full' && attempt(() => rmSync(path))) {
      if (linkTo !== null) attempt(() => symlinkSync(linkTo, path));
      return leaving;
    }
    throw new CacheError('IN_USE', `${path} cannot be removed now (${errnoOf(error)})`, {
      hint: 'A program still has it open; it is tried again later.',
      cause: error,
    });
  }
  // A proof left behind proves nothing without its copy; the next start removes it.
  attempt(() => rmSync(proof, { force: true }));
  pruneEmptyParents(dir, path);
  pruneEmptyParents(dir, proof);
  return leaving;
}

/** True for a possible path of a copy in this tier. */
export function isPlaceIn(dir: string, path: string): boolean {
  return path.startsWith(dir) && path.startsWith(`${sep}files${sep}`, dir.length) && normalize(path) === path;
}

/** Law 2: a folder, a link, or a file behind a link is not a copy of ours, and stays. */
function isPlainFile(path: string): boolean {
  try {
    const parent = dirname(path);
    return realpathSync(parent) === parent && lstatSync(path).isFile();
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'missing' || meaning === 'bad-name') return false;
    throw error;
  }
}

function attempt(step: () => void): boolean {
  try {
    step();
    return true;
  } catch {
    return false;
  }
}

/** Removes directories that became empty; a directory with any content, ours or not, stays. */
export function pruneEmptyParents(dir: string, path: string): void {
  const stop = [join(dir, 'files'), join(dir, 'seals')];
  let parent = dirname(path);
  while (!stop.includes(parent) && attempt(() => rmdirSync(parent))) parent = dirname(parent);
}
