import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { TierName } from '../core/types.ts';
import { mountPointOf, withoutLinks } from '../media/medium.ts';
import { cacheAround, claim, isClaimed } from '../tiers/marker.ts';
import { posixTier } from '../tiers/posix-tier.ts';
import type { PosixTier } from '../tiers/tier.ts';

/** The catalog's record of a tier's directory, to recognise it. */
interface KnownDir {
  /** The path in the settings. */
  given: string;
  /** Without links. */
  dir: string;
  /** Id in its marker. */
  id: string | null;
  /** Mount point of its volume. */
  mountPoint: string | null;
}

/**
 * Opens the directory of a tier that lasts. One that was used before, and whose volume is not mounted now, is not created again on the
 * disk below: it stays away until its volume is back.
 * @throws CacheError BAD_CONFIG when it holds files but not autocached's marker
 */
export async function openCacheDir(name: TierName, dir: string, catalog: Catalog): Promise<PosixTier> {
  const given = resolve(dir);
  if (name === 'ssd') assertInNoOther(given, 'AUTOCACHE_DIR');
  const known = savedDir(catalog, name);
  if (known && !isClaimed(given) && (await isSamePlace(given, known)) && (await mountPointOf(given)) !== known.mountPoint)
    return posixTier(name, known);
  const id = claim(given, tierTraits[name].quota.settings.dir);
  const tier = posixTier(name, { dir: realpathSync(given), id });
  tier.open();
  saveDir(catalog, name, { given, dir: tier.dir, id, mountPoint: await mountPointOf(tier.dir) });
  return tier;
}

/** Whether it is the same directory, possibly in another spelling or by a link. */
async function isSamePlace(given: string, known: KnownDir): Promise<boolean> {
  return given === known.given || (await withoutLinks(given)) === known.dir;
}

/** The cache directory of the last run, if the user has moved it since; null otherwise. */
export async function movedFrom(name: TierName, dir: string, catalog: Catalog): Promise<string | null> {
  const known = savedDir(catalog, name);
  if (!known || known.given === resolve(dir) || existsSync(known.dir)) return null;
  // Its disk may be away.
  return (await mountPointOf(known.dir)) === known.mountPoint ? known.dir : null;
}

/** The folders of a cache directory bear markers of their own, or none, and belong to its daemon. @throws CacheError BAD_CONFIG */
export function assertInNoOther(dir: string, key: string): void {
  const above = cacheAround(dirname(dir));
  if (above === null) return;
  throw new CacheError('BAD_CONFIG', `${key}: ${dir} lies inside the cache directory ${above}`, {
    hint: `Name a directory of its own in ${key}.`,
  });
}

/** The compressed copies in the cache directory: opened when they are wanted, or some are left from before. */
export async function openColdDir(
  cache: PosixTier,
  catalog: Catalog,
  { wanted }: { wanted: boolean },
): Promise<PosixTier | null> {
  const dir = join(cache.dir, 'cold');
  const known = savedDir(catalog, 'cold');
  if (cache.state() === 'away') return known?.dir === dir ? posixTier('cold', known) : null;
  return wanted || isClaimed(dir) ? openCacheDir('cold', dir, catalog) : null;
}

const keyOf = (name: TierName) => `directory of ${name}`;

function savedDir(catalog: Catalog, name: TierName): KnownDir | null {
  const saved = catalog.settings.get(keyOf(name), '');
  return saved === undefined ? null : (JSON.parse(saved) as KnownDir);
}

function saveDir(catalog: Catalog, name: TierName, dir: KnownDir): void {
  const value = JSON.stringify(dir);
  if (catalog.settings.get(keyOf(name), '') !== value) catalog.settings.set(keyOf(name), value, '');
}
