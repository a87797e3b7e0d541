import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../catalog/catalog.ts';
import { lockDirectory } from '../catalog/lock.ts';
import { placeRestoreScript } from '../codec/restore-script.ts';
import { ramBoundOf, ramTierOf } from '../config/ram-tier.ts';
import type { Config } from '../config/types.ts';
import { assertInMemory, assertOwn } from '../media/assert-in-memory.ts';
import { assertLocal } from '../media/assert-local.ts';
import { assertApart, realPathOf } from '../roots/disjoint.ts';
import { daemonLogName, type Log } from '../runtime/log.ts';
import { inMemory, type MemoryTier } from '../tiers/in-memory.ts';
import { readMemory } from '../tiers/memory.ts';
import { isClaimed, openPosixTier } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';
import { Tiers } from '../tiers/tiers.ts';
import { Accounts, type AccountsDeps } from '../upkeep/accounts.ts';
import { boundLog } from '../upkeep/bound-log.ts';
import { emptyRam, forgetRam } from '../upkeep/empty-ram.ts';
import type { Context } from './context.ts';

export interface Storage {
  tier: Tier;
  ram: { tier: MemoryTier; bound: { limit: number; floor: number } } | null;
  tiers: Tiers;
  catalog: Catalog;
  accounts: Accounts;
  /** Sets a catalog aside that turns out to be damaged while running, and rebuilds it. */
  onTrouble(error: unknown): void;
}

interface Opening extends Context {
  /** Of the accounts. */
  pauses?: AccountsDeps['pauses'];
}

/**
 * Opens what outlives the daemon, and the RAM tier, which does not: locks the directories, opens tiers and catalog, and makes them agree.
 * @throws CacheError ALREADY_RUNNING or BAD_CONFIG
 */
export async function openStorage(config: Config, { pauses, ...context }: Opening): Promise<Storage> {
  const { clock, log, opened } = context;
  const { dir, stateDir, compress } = config;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  await assertLocal(stateDir, 'AUTOCACHE_STATE');
  await assertLocal(dir, 'AUTOCACHE_DIR');
  opened.defer(lockDirectory(stateDir, 'state directory'));
  opened.defer(boundLog({ file: join(stateDir, daemonLogName), log }));
  const tier = openPosixTier('ssd', dir);
  opened.defer(lockDirectory(dir, 'cache directory'));
  const coldDir = join(tier.dir, 'cold');
  // What was compressed before it was switched off is still restored.
  const cold = compress === 'cold' || isClaimed(coldDir) ? openPosixTier('cold', coldDir) : undefined;
  if (cold) offerRestore(cold, log);

  const catalog = new Catalog(join(stateDir, 'catalog.db'), clock);
  opened.defer(() => catalog[Symbol.dispose]());
  if (catalog.damaged) {
    log.error({ why: catalog.damaged }, 'the catalog was damaged; it is set aside and rebuilt from the cache directory');
  }
  const ram = await openRam(config, catalog, context);
  const tiers = new Tiers([tier, ...(ram ? [ram.tier] : []), ...(cold ? [cold] : [])]);
  const accounts = new Accounts({ ...context, catalog, tiers, ...(pauses && { pauses }) });
  opened.defer(() => accounts[Symbol.asyncDispose]());
  accounts.begin();

  const onTrouble = (error: unknown) => {
    log.error({ err: error }, 'the catalog is in trouble');
    accounts.rebuildAfter(error);
  };
  return { tier, ram, tiers, catalog, accounts, onTrouble };
}

/** With Python alone the files can be restored without us; that the program is missing keeps nobody from his models. */
function offerRestore({ dir }: Tier, log: Log): void {
  try {
    placeRestoreScript(dir);
  } catch (err) {
    log.warn({ dir, err }, 'restore.py could not be written beside the compressed files');
  }
}

/** Where the RAM tier lies when nobody says it; elsewhere there is no such place, and the page cache is used. */
const usualRamDir = process.platform === 'linux' ? '/dev/shm/autocached' : null;

async function openRam(config: Config, catalog: Catalog, { log, opened }: Context): Promise<Storage['ram']> {
  const wanted = ramTierOf(config);
  const given = wanted && (wanted.dir ?? usualRamDir);
  const dir = given && (await realPathOf(given));
  await leaveFormerRam(catalog, dir, log);
  forgetRam(catalog);
  if (!dir) return null;
  assertInMemory(dir);
  assertApart(['the directory of the RAM tier', dir], ['the cache directory', await realPathOf(config.dir)]);
  assertApart(['the directory of the RAM tier', dir], ['the state directory', await realPathOf(config.stateDir)]);
  const tier = openPosixTier('ram', dir);
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

/** What a killed daemon left in a directory that is not used any more would stay in memory until the machine is started anew. */
async function leaveFormerRam(catalog: Catalog, dir: string | null, log: Log): Promise<void> {
  const former = catalog.settings.get('ram', '');
  if (!former || former === dir) return;
  if (isClaimed(former)) {
    let unlock = () => {};
    try {
      unlock = lockDirectory(former, 'directory of the RAM tier');
      await emptyRam(catalog, openPosixTier('ram', former));
    } catch (err) {
      log.warn({ dir: former, err }, 'the former directory of the RAM tier is not emptied');
    } finally {
      unlock();
    }
  }
  catalog.settings.set('ram', '', '');
}
