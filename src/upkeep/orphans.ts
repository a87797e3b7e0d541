import { type BigIntStats, type Dirent, lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { Pauses } from '../runtime/pauses.ts';
import { isPlaceIn } from '../tiers/posix-tier.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { tempName } from './removal.ts';

/** A file in the cache directory that no row accounts for. */
export interface Orphan {
  path: string;
  bytes: number;
  /** It lies among the copies and is read-only like them: a file that a program wrote beside a model is not ours. */
  isCopy: boolean;
}

interface Deps {
  catalog: Catalog;
  tiers: readonly PosixTier[];
  pauses?: Pick<Pauses, 'take'>;
}

/** The daemon's own files in the cache directory, and files counted elsewhere. */
const ownNames = /^(seals|memo|autocached\.lock.*|\.autocached(\.lock.*|\..*\.new)?|restore\.py|lost\+found)$/;

/**
 * All files in the directory of the first tier, and of the tiers inside it, that the catalog does not account for. Links are not
 * followed. A file under several names is reported once, and not at all when one of them is a copy's.
 */
export async function findOrphans(deps: Deps): Promise<Orphan[]> {
  const { catalog, tiers } = deps;
  const found = new Map<string, Orphan>();
  let isLinked = false;
  for await (const path of filesIn(deps)) {
    const stats = catalog.copies.byPath(path) ? null : statOf(path);
    if (!stats) continue;
    isLinked ||= stats.nlink > 1n;
    const isCopy = tiers.some((tier) => isPlaceIn(tier.dir, path)) && (stats.mode & 0o222n) === 0n;
    found.set(inodeOf(stats), { path, bytes: Number(stats.size), isCopy });
  }
  // One of them may be another name of a copy.
  if (isLinked) {
    for await (const path of filesIn(deps)) {
      const stats = catalog.copies.byPath(path) ? statOf(path) : null;
      if (stats) found.delete(inodeOf(stats));
    }
  }
  return [...found.values()];
}

async function* filesIn({ tiers, pauses = new Pauses() }: Deps): AsyncGenerator<string> {
  const [cache] = tiers;
  const queue = cache ? [cache.dir] : [];
  for (let dir = queue.pop(); dir !== undefined; dir = queue.pop()) {
    const isTop = tiers.some((tier) => tier.dir === dir);
    const isPartial = tiers.some(({ partialDir }) => partialDir === dir);
    for (const entry of await entriesOf(dir)) {
      const path = join(dir, entry.name);
      if (isTop && ownNames.test(entry.name)) continue;
      if (entry.isDirectory()) queue.push(path);
      else if (entry.isFile() && !(isPartial && tempName.test(entry.name))) yield path;
      await pauses.take();
    }
  }
}

function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

async function entriesOf(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch (error) {
    if (meaningOf(error) === null) throw error;
    return [];
  }
}

function statOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return null;
  }
}
