import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { copyPathOf, isClaimed } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';
import { filesBelow, removed, takenOut, tempName } from './reconcile.ts';

/**
 * Gives back the memory of the RAM tier: its rows go, then every file that has a proof of ours, then what is unfinished. Files
 * that are not ours stay, and so does what the system does not let go of. A program that has a file mapped keeps its bytes.
 * @param spare copies that stay, rows and all
 * @returns copies removed
 */
export function emptyRam(catalog: Catalog, tier: Tier, spare: (copyPath: string) => boolean = () => false): number {
  if (!isClaimed(tier.dir)) throw new Error(`${tier.dir} lost its marker`);
  forgetRam(catalog, spare);
  const copies = [...filesBelow(join(tier.dir, 'seals'))].map((seal) => copyPathOf(tier.dir, seal));
  const leaving = copies.filter((path) => !spare(path));
  const gone = leaving.filter((path) => takenOut(tier, path));
  for (const name of readdirSync(tier.partialDir)) if (tempName.test(name)) removed(join(tier.partialDir, name));
  return gone.length;
}

/** Nothing in RAM outlives the daemon, wherever it was. */
export function forgetRam(catalog: Catalog, spare: (copyPath: string) => boolean = () => false): void {
  const copies = catalog.copies.inState('copying', 'ready', 'stale', 'evicting');
  const leaving = copies.filter((copy) => copy.tier === 'ram' && !(copy.state === 'ready' && spare(copy.path)));
  catalog.transaction(() => {
    for (const { id } of leaving) catalog.copies.forget(id);
  });
}
