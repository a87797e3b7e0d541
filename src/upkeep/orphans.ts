import { type BigIntStats, type Dirent, lstatSync } from 'node:fs';
import type { Catalog } from '../catalog/catalog.ts';
import { Pauses } from '../runtime/pauses.ts';
import { isPlaceIn } from '../tiers/posix-tier.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { filesBelow } from './files-below.ts';
import { tempName } from './removal.ts';

/** A file in the cache directory that no row accounts for. */
export interface Orphan {
  path: string;
  bytes: number;
  /** Whether it is among the copies and read-only like them; a file that a program wrote beside a model is not ours. */
  isCopy: boolean;
}

interface Deps {
  catalog: Catalog;
  tiers: readonly PosixTier[];
  pauses?: Pick<Pauses, 'take'>;
}

/** The daemon's own files in the cache directory, and files counted elsewhere. */
const ownNames = /^(seals|memo|variants|autocached\.lock.*|\.autocached(\.lock.*|\..*\.new)?|restore\.py|lost\+found)$/;

/**
 * All files in the directory of the first tier, and of the tiers inside it, that the catalog does not account for. Links are not
 * followed. A file under several names is reported once, and not at all when one of them is a copy's.
 */
export async function findOrphans(deps: Deps): Promise<Orphan[]> {
  const { catalog, tiers } = deps;
  const found = new Map<string, Orphan>();
  let isLinked = false;
  for await (const paths of filesIn(deps)) {
    for (const path of catalog.copies.unknown(paths)) {
      const stats = statOf(path);
      if (!stats) continue;
      isLinked ||= stats.nlink > 1n;
      const isCopy = tiers.some((tier) => isPlaceIn(tier.dir, path)) && (stats.mode & 0o222n) === 0n;
      found.set(inodeOf(stats), { path, bytes: Number(stats.size), isCopy });
    }
  }
  // One of them may be another name of a copy.
  if (isLinked) {
    for await (const paths of filesIn(deps)) {
      const unknown = new Set(catalog.copies.unknown(paths));
      for (const path of paths) {
        const stats = unknown.has(path) ? null : statOf(path);
        if (stats) found.delete(inodeOf(stats));
      }
    }
  }
  return [...found.values()];
}

async function* filesIn({ tiers, pauses = new Pauses() }: Deps): AsyncGenerator<string[]> {
  const [cache] = tiers;
  if (!cache) return;
  const isTop = (dir: string) => tiers.some((tier) => tier.dir === dir);
  const isPartial = (dir: string) => tiers.some(({ partialDir }) => partialDir === dir);
  const isMeant = (entry: Dirent, dir: string) =>
    !(isTop(dir) && ownNames.test(entry.name)) && !(isPartial(dir) && entry.isFile() && tempName.test(entry.name));
  for await (const paths of filesBelow(cache.dir, { isMeant, skipsUnreadable: true })) {
    yield paths;
    await pauses.take();
  }
}

function inodeOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function statOf(path: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return null;
  }
}
