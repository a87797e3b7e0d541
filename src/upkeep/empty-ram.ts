import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { lockDirectory } from '../catalog/lock.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { copyStates, tierNames } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { isRewritten } from '../tiers/foreign.ts';
import { isClaimed } from '../tiers/marker.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { isModelName } from '../weights/extensions.ts';
import { copyOf, proofsOf, readProof } from './proofs.ts';
import { removed, takenOut, tempName } from './removal.ts';

/**
 * Frees the memory of the RAM tier: its rows go, then every file with a proof of ours, then unfinished files. Foreign files stay,
 * and so do files that the system does not release. A program that has a file mapped keeps its bytes.
 * @param spare copies that stay, with their rows
 * @returns number of copies removed
 */
export async function emptyRam(
  catalog: Catalog,
  tier: PosixTier,
  spare: (copyPath: string) => boolean = () => false,
): Promise<number> {
  if (!isClaimed(tier.dir)) throw new Error(`${tier.dir} lost its marker`);
  forgetRam(catalog, spare);
  let gone = 0;
  for await (const manifests of proofsOf(tier)) {
    const copies = manifests.map((path) => copyOf(tier, path));
    for (const [index, path] of copies.entries()) {
      if (spare(path)) continue;
      // A program wrote to it: the file belongs to the user.
      const isUnfit = readProof(tier, manifests[index] ?? '') === 'unfit';
      const isWritten = isUnfit && (!isModelName(path) || (await isRewritten(tier, path)));
      if (isWritten) tier.dropManifest(path);
      else if (takenOut(tier, path)) gone += 1;
    }
  }
  for (const name of readdirSync(tier.partialDir)) if (tempName.test(name)) removed(join(tier.partialDir, name));
  return gone;
}

/** Forgets all copies in RAM, in any directory: none outlives the daemon. */
export function forgetRam(catalog: Catalog, spare: (copyPath: string) => boolean = () => false): void {
  catalog.transaction(() => {
    for (const tier of tierNames.filter((name) => tierTraits[name].volatile)) {
      for (const state of copyStates) {
        for (const copy of catalog.copies.each({ tier, state })) {
          if (state !== 'ready' || !spare(copy.path)) catalog.copies.forget(copy.id);
        }
      }
    }
  });
}

interface FormerRam {
  catalog: Catalog;
  /** The present directory of the RAM tier, null = none. */
  dir: string | null;
  /** Opens a directory as the RAM tier. */
  open(dir: string): PosixTier;
  log: Log;
}

/**
 * Empties the last daemon's directory, unless it is `dir`: files of a killed daemon would stay in memory until the machine
 * restarts.
 */
export async function leaveFormerRam({ catalog, dir, open, log }: FormerRam): Promise<void> {
  const former = catalog.settings.get('ram', '');
  if (!former || former === dir) return;
  if (isClaimed(former)) {
    let unlock = () => {};
    try {
      unlock = lockDirectory(former, 'directory of the RAM tier');
      await emptyRam(catalog, open(former));
    } catch (err) {
      log.warn({ dir: former, err }, 'the former directory of the RAM tier is not emptied');
    } finally {
      unlock();
    }
  }
  catalog.settings.set('ram', '', '');
}
