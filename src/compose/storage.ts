import { join } from 'node:path';
import { Catalog } from '../catalog/catalog.ts';
import { lockDirectory } from '../catalog/lock.ts';
import { placeRestoreScript } from '../codec/restore-script.ts';
import { keys } from '../config/keys.ts';
import type { Config } from '../config/types.ts';
import type { CacheError } from '../core/errors.ts';
import { assertLocal } from '../media/assert-local.ts';
import { detectMedium } from '../media/medium.ts';
import { onVolumesTold } from '../media/read-volumes.ts';
import { groupId, shareBelow, shareFile, shareWithGroup } from '../runtime/group.ts';
import { daemonLogName, type Log } from '../runtime/log.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import { closeDirectory } from '../runtime/private-file.ts';
import { leavingLinks } from '../tiers/leave-link.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { Tiers } from '../tiers/tiers.ts';
import { Accounts, type AccountsDeps } from '../upkeep/accounts.ts';
import { boundLog } from '../upkeep/bound-log.ts';
import { CacheWatch } from '../upkeep/cache-watch.ts';
import { keepOpenable } from '../upkeep/moved-cache.ts';
import { HandedOut } from '../usage/handed-out.ts';
import { movedFrom, openCacheDir, openColdDir } from './cache-dir.ts';
import type { Context } from './context.ts';
import { openRam, type RamTier } from './ram.ts';

export interface Storage {
  tier: PosixTier;
  /** Null when there is no RAM tier. */
  ram: RamTier | null;
  tiers: Tiers<PosixTier>;
  catalog: Catalog;
  handedOut: HandedOut;
  accounts: Accounts;
  watch: CacheWatch;
  /** The kernel's names of the disks that the cache directory lies on, joined by `+`; null when unknown. */
  cacheDisk(): string | null;
}

interface Opening extends Context {
  /** Called when another daemon has taken a directory whose locks were removed. */
  onLost(why: CacheError): void;
  /** Called when a directory turns out to be on a network. */
  onUnfit(why: CacheError): void;
  /** Pauses of the accounts. */
  pauses?: AccountsDeps['pauses'];
}

/**
 * Opens the lasting storage, and the volatile RAM tier: locks the directories, opens tiers and catalog, and makes them agree.
 * @throws CacheError ALREADY_RUNNING or BAD_CONFIG
 */
export async function openStorage(config: Config, { pauses, onLost, onUnfit, ...context }: Opening): Promise<Storage> {
  const { clock, log, opened } = context;
  const { dir, stateDir, compress } = config;
  makeDirectory(stateDir, keys.stateDir.name, 0o700);
  const group = config.group === null ? null : groupId(config.group);
  // Read access is decided once the lock is held: until then the directory may be a running daemon's, shared with a group.
  closeDirectory(stateDir, 'writers', keys.stateDir.name);
  let device: string | null = null;
  const assertDirs = async () => {
    await assertLocal(stateDir, 'AUTOCACHE_STATE');
    ({ device } = await assertLocal(dir, 'AUTOCACHE_DIR'));
  };
  await assertDirs();
  // On Windows a drive may turn out to be a share only after the start.
  opened.defer(onVolumesTold(() => void assertDirs().catch(onUnfit)));
  const onSetAside = (path: string) =>
    log.warn({ path }, 'a file or folder in the place of the lock of the state directory is set aside');
  opened.defer(lockDirectory(stateDir, 'state directory', { onSetAside, onLost }));
  closeDirectory(stateDir, 'all', keys.stateDir.name);
  if (group !== null) await shareState(stateDir, group);
  opened.defer(boundLog({ file: join(stateDir, daemonLogName), log }));
  const catalog = new Catalog(join(stateDir, 'catalog.db'), clock);
  opened.defer(() => catalog[Symbol.dispose]());
  if (catalog.damaged) {
    log.error({ why: catalog.damaged }, 'the catalog was damaged; it is set aside and rebuilt from the cache directory');
  }
  const handedOut = new HandedOut(clock, catalog.handedOut.all());
  const former = await movedFrom('ssd', dir, catalog);
  const tier = leavingLinks(await openCacheDir('ssd', dir, catalog), (path) => handedOut.sourceOf(path));
  if (former !== null) keepOpenable({ former, handedOut, log });
  // Copies compressed before the setting was switched off can still be restored.
  const cold = await openColdDir(tier, catalog, { wanted: compress === 'cold' });
  const watch = new CacheWatch({
    ...context,
    tiers: cold ? [tier, cold] : [tier],
    onBack: async () => {
      accounts.begin();
      ({ device } = await detectMedium(dir));
    },
    onLost,
  });
  opened.defer(() => watch[Symbol.asyncDispose]());
  if (group !== null && tier.state() === 'here') {
    shareWithGroup(tier.dir, group);
    const onError = (err: unknown) => log.warn({ err }, 'older copies could not be shared with the group');
    void shareBelow(join(tier.dir, 'files'), group).catch(onError);
  }
  if (cold?.state() === 'here') offerRestore(cold, log);
  const ram = await openRam(config, { catalog, handedOut }, context);
  if (ram && group !== null) shareWithGroup(ram.tier.dir, group);
  const tiers = new Tiers<PosixTier>([tier, ...(ram ? [ram.tier] : []), ...(cold ? [cold] : [])]);
  // A program that has ended meanwhile may have saved a model under a path that it was given.
  const givenBefore = new Set(handedOut.paths());
  const wasGiven = (path: string) => givenBefore.has(path) || handedOut.sourceOf(path) !== null;
  const accounts = new Accounts({ ...context, catalog, tiers, wasGiven, ...(pauses && { pauses }) });
  opened.defer(() => accounts[Symbol.asyncDispose]());
  return { tier, ram, tiers, catalog, handedOut, accounts, watch, cacheDisk: () => device };
}

/** Shares the files that members of the group read: they may be older than the group's access. */
async function shareState(stateDir: string, group: number): Promise<void> {
  shareWithGroup(stateDir, group);
  for (const suffix of ['', '-wal', '-shm']) shareFile(join(stateDir, `catalog.db${suffix}`), group);
  for (const name of ['variants', 'remotes']) await shareBelow(join(stateDir, name), group);
}

/** Compressed files can be restored without autocached. A missing script does not stop the start. */
function offerRestore({ dir }: PosixTier, log: Log): void {
  try {
    placeRestoreScript(dir);
  } catch (err) {
    log.warn({ dir, err }, 'restore.py could not be written beside the compressed files');
  }
}
