import { statSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { liesBelow, pathRules } from '../media/paths.ts';
import { errnoOf } from '../runtime/errnos.ts';

/**
 * Law 2: a directory of autocached (cache, memory, state) and a root must not be equal or contain each other. Both paths without links.
 * @throws CacheError `BAD_CONFIG`
 */
export function assertDisjoint(cacheDirReal: string, rootReal: string, platform: NodeJS.Platform = process.platform): void {
  assertApart(["autocached's directory", cacheDirReal], ['the root', rootReal], platform);
}

/** The same for any two directories, each with its name. */
export function assertApart(
  [one, path]: readonly [what: string, path: string],
  [other, otherPath]: readonly [what: string, path: string],
  platform: NodeJS.Platform = process.platform,
): void {
  const relation = relationOf(path, otherPath, platform);
  if (relation === null) return;
  throw new CacheError('BAD_CONFIG', `${one} ${path} ${relation} ${other} ${otherPath}`, {
    hint: 'set AUTOCACHE_DIR and AUTOCACHE_RAM_DIR to directories that hold nothing else: files in them may be deleted',
  });
}

/**
 * The same by device and inode, because a bind mount gives a directory a second path without a link. For local disks only.
 * @throws CacheError `BAD_CONFIG`
 */
export function assertApartOnDisk(cacheDirReal: string, rootReal: string): void {
  const [cache, root] = [idsUpwards(cacheDirReal), idsUpwards(rootReal)];
  const isCommon = (id: string | null | undefined, ids: (string | null)[]) => typeof id === 'string' && ids.includes(id);
  const ownFolders = ['files', 'seals', 'partial', 'cold', 'cold/files'].map((name) => idOf(join(cacheDirReal, name)));
  if (![cache[0], ...ownFolders].some((id) => isCommon(id, root)) && !isCommon(root[0], cache)) return;
  throw new CacheError(
    'BAD_CONFIG',
    `the root ${rootReal} shows the cache directory ${cacheDirReal}, or a part of it, by another path`,
    {
      hint: 'set AUTOCACHE_DIR to a directory that is no part of a model folder, and mount it nowhere else',
    },
  );
}

/** Device and inode of a directory and of those above it. */
function idsUpwards(path: string): (string | null)[] {
  const above = dirname(path);
  return [idOf(path), ...(above === path ? [] : idsUpwards(above))];
}

/** Null without one, and for a directory that cannot be looked at: a root on a failing disk, or not permitted, is an outage. */
function idOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return ino > 0n ? `${dev}:${ino}` : null;
  } catch {
    return null;
  }
}

function relationOf(cacheDir: string, root: string, platform: NodeJS.Platform): string | null {
  const rules = pathRules(platform);
  const cache = rules.normalise(cacheDir) ?? cacheDir;
  const source = rules.normalise(root) ?? root;
  if (rules.key(cache) === rules.key(source)) return 'is also';
  if (liesBelow(cache, source, rules)) return 'lies inside';
  return liesBelow(source, cache, rules) ? 'contains' : null;
}

/**
 * The real path of a local directory, possibly a future one: links are resolved in the part that exists. Not for network paths,
 * which can hang (use `SourceClient.identify`).
 */
export async function realPathOf(path: string): Promise<string> {
  const absolute = resolve(path);
  const missing: string[] = [];
  for (let existing = absolute; ; existing = dirname(existing)) {
    try {
      return join(await realpath(existing), ...missing);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || dirname(existing) === existing) throw error;
      missing.unshift(existing.slice(dirname(existing).length).replace(/^[\\/]/, ''));
    }
  }
}
