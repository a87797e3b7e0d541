import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from './catalog/catalog.ts';
import { lockDirectory } from './catalog/lock.ts';
import type { Clock } from './core/clock.ts';
import type { Disposal } from './core/disposal.ts';
import type { Log } from './core/log.ts';
import type { TierName } from './core/types.ts';
import { assertLocal } from './roots/assert-local.ts';
import { isClaimed, openPosixTier } from './tiers/posix-tier.ts';
import type { Tier } from './tiers/tier.ts';
import { reconcileAll } from './upkeep/reconcile.ts';

export interface Storage {
  tier: Tier;
  tiers: Record<TierName, Tier | undefined>;
  catalog: Catalog;
  /** Sets a catalog aside that turns out to be damaged while running, and rebuilds it. */
  onTrouble(error: unknown): void;
}

/**
 * Opens what outlives the daemon: locks the two directories, opens the tier and the catalog, and makes them agree.
 * @throws CacheError ALREADY_RUNNING or BAD_CONFIG
 */
export async function openStorage(
  { dir, stateDir, compress }: { dir: string; stateDir: string; compress: 'off' | 'cold' },
  { clock, log, opened }: { clock: Clock; log: Log; opened: Disposal },
): Promise<Storage> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  await assertLocal(stateDir, 'AUTOCACHE_STATE');
  await assertLocal(dir, 'AUTOCACHE_DIR');
  opened.defer(lockDirectory(stateDir, 'state directory'));
  const tier = openPosixTier('ssd', dir);
  opened.defer(lockDirectory(dir, 'cache directory'));
  const coldDir = join(tier.dir, 'cold');
  // What was compressed before it was switched off is still restored.
  const cold = compress === 'cold' || isClaimed(coldDir) ? openPosixTier('cold', coldDir) : undefined;
  const tiers = { ram: undefined, ssd: tier, cold };

  const catalog = new Catalog(join(stateDir, 'catalog.db'), clock);
  opened.defer(() => catalog[Symbol.dispose]());
  if (catalog.damaged) {
    log.error({ why: catalog.damaged }, 'the catalog was damaged; it is set aside and rebuilt from the cache directory');
  }
  reconcileAll({ catalog, tiers, log });

  const onTrouble = (error: unknown) => {
    log.error({ err: error }, 'the catalog is in trouble');
    if (catalog.replaceIfDamaged(error)) reconcileAll({ catalog, tiers, log });
  };
  return { tier, tiers, catalog, onTrouble };
}
