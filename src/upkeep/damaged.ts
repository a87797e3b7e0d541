import { rmSync } from 'node:fs';
import type { Catalog } from '../catalog/catalog.ts';
import type { Events } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Copy, Entry, TierName } from '../core/types.ts';
import { sealPathOf } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';

export interface DamagedDeps {
  catalog: Catalog;
  tiers: Record<TierName, Tier | undefined>;
  events: Events;
  log: Log;
}

/**
 * Takes a copy out of service whose bytes turned out not to be those that were copied, and says so. Its file stays until space is
 * needed. @param chunks the numbers of the 8 MiB chunks that differ, empty when they are not known
 * @throws errors of the file system when its proof cannot be removed
 */
export function retireDamaged(
  { catalog, tiers, events, log }: DamagedDeps,
  { copy, entry }: { copy: Copy; entry: Entry },
  { why, chunks }: { why: string; chunks: number[] },
): void {
  catalog.copies.retire(copy.id);
  events.emit('copy-damaged', { entry: entry.id, path: entry.path, copy: copy.path, tier: copy.tier, why, chunks });
  log.error({ path: entry.path, copy: copy.path, why, chunks }, 'a copy is damaged; it is out of service');
  const tier = tiers[copy.tier];
  // A rebuilt catalog takes up what has a proof.
  if (tier) rmSync(sealPathOf(tier.dir, copy.path), { force: true });
}
