import type { Catalog } from '../catalog/catalog.ts';
import { lockDirectory } from '../catalog/lock.ts';
import { ramBoundOf, ramTierOf } from '../config/ram-tier.ts';
import type { Config } from '../config/types.ts';
import { assertInMemory, assertOwn } from '../media/assert-in-memory.ts';
import { assertApart, realPathOf } from '../roots/disjoint.ts';
import { inMemory, type MemoryTier } from '../tiers/in-memory.ts';
import { leavingLinks } from '../tiers/leave-link.ts';
import { readMemory } from '../tiers/memory.ts';
import { openPosixTier } from '../tiers/posix-tier.ts';
import { emptyRam, forgetRam, leaveFormerRam } from '../upkeep/empty-ram.ts';
import type { HandedOut } from '../usage/handed-out.ts';
import { assertInNoOther } from './cache-dir.ts';
import type { Context } from './context.ts';

export interface RamTier {
  tier: MemoryTier;
  /** Bytes. */
  bound: { limit: number; floor: number };
}

/** The default directory of the RAM tier. Only Linux has such a place; elsewhere the page cache is used. */
const usualRamDir = process.platform === 'linux' ? '/dev/shm/autocached' : null;

/** Opens the RAM tier, empty. @throws CacheError ALREADY_RUNNING or BAD_CONFIG */
export async function openRam(
  config: Config,
  { catalog, handedOut }: { catalog: Catalog; handedOut: HandedOut },
  { log, opened }: Context,
): Promise<RamTier | null> {
  const open = (dir: string) => leavingLinks(openPosixTier('ram', dir), (path) => handedOut.sourceOf(path));
  const wanted = ramTierOf(config);
  const given = wanted && (wanted.dir ?? usualRamDir);
  const dir = given && (await realPathOf(given));
  await leaveFormerRam({ catalog, dir, open, log });
  forgetRam(catalog);
  if (!dir) return null;
  assertInMemory(dir);
  assertApart(['the directory of the RAM tier', dir], ['the cache directory', await realPathOf(config.dir)]);
  assertApart(['the directory of the RAM tier', dir], ['the state directory', await realPathOf(config.stateDir)]);
  assertInNoOther(dir, 'AUTOCACHE_RAM_DIR');
  const tier = open(dir);
  if (!tier.leavesLinks()) {
    log.warn({ dir }, 'there is no RAM tier: its volume has no symbolic links, and paths in it could not be kept openable');
    return null;
  }
  assertOwn(tier.dir);
  opened.defer(lockDirectory(dir, 'directory of the RAM tier'));
  catalog.settings.set('ram', dir, '');
  const copies = await emptyRam(catalog, tier);
  if (copies > 0) log.info({ dir, copies }, 'the RAM tier of the last run is emptied');
  const inRam = await inMemory(tier, readMemory);
  const { limit, floor } = ramBoundOf(wanted.limit, await inRam.look());
  const { size } = inRam.capacity();
  if (limit > size) log.warn({ dir, limit, size }, 'the volume of the RAM tier is smaller than its limit; less is used');
  return { tier: inRam, bound: { limit: Math.min(limit, size), floor } };
}
