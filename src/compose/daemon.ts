import type { RootView } from '../api/api.ts';
import { watchComfyuiQueue } from '../comfyui/queue.ts';
import { boundFields } from '../config/bound.ts';
import { isDefault, type LoadedConfig } from '../config/config.ts';
import { remoteFromEnvironment } from '../config/env.ts';
import type { Config } from '../config/types.ts';
import type { CacheError } from '../core/errors.ts';
import { listen } from '../http/listen.ts';
import { spentCounter } from '../jobs/remote-budget.ts';
import { CopyWorkers } from '../jobs/workers.ts';
import { QueuedFiles } from '../policy/queued-files.ts';
import type { SourceRootsOptions } from '../roots/options.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { bounded } from '../runtime/deadline.ts';
import { Disposal } from '../runtime/disposal.ts';
import { noteElsewhere } from '../runtime/elsewhere.ts';
import { Events } from '../runtime/events.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { version } from '../runtime/package.ts';
import type { AccountsDeps } from '../upkeep/accounts.ts';
import { emptyRam } from '../upkeep/empty-ram.ts';
import { Leases } from '../usage/leases.ts';
import { composeAnswering, lookupOptionsOf } from './answering.ts';
import { composeCopying, copyOptionsOf, startCopying } from './copying.ts';
import { joinFarm, openFarmLink, openTraffic } from './farm.ts';
import { openForeseenFiles, openForesight } from './foresight.ts';
import { openLlm } from './llm.ts';
import { openMemo } from './memo.ts';
import { openPresets } from './presets.ts';
import { openPrompts } from './prompts.ts';
import { isLeftOutBy, openSettings, rulesOf } from './settings.ts';
import { openShared } from './shared.ts';
import { openSources } from './sources.ts';
import { openStorage } from './storage.ts';
import { openUpkeep } from './upkeep.ts';
import { openVariants } from './variants.ts';

/** A running daemon. Disposing it stops it; `stopped` settles after a request to stop over HTTP. */
export interface Daemon extends AsyncDisposable {
  url: string;
  config: Config;
  roots: RootView[];
  limitBytes: number;
  usedBytes: number;
  /** Whether the cache may hold more than `usedBytes`. */
  accounting: boolean;
  stopped: Promise<void>;
}

/** Maximum wait of startup for the accounts, ms; the daemon answers already. */
const smallCacheMs = 300;

/** Replacements for the daemon's own parts, for tests. */
export interface Overrides {
  clock: Clock;
  log: Log;
  events: Events;
  workers: CopyWorkers;
  /** Pauses of the accounts. */
  pauses: NonNullable<AccountsDeps['pauses']>;
  /** Grace period of narrowed bounds, ms. */
  graceMs: number;
  /** Time without changes after which a new file of the library is whole, ms. */
  quietMs: number;
  /** Whether the file systems of the roots ignore case; by default each is asked. */
  ignoresCase: boolean;
  /** How the reader of local disks starts. */
  openThread: NonNullable<SourceRootsOptions['openThread']>;
}

/**
 * THE composition root: opens every part in order, gives each what it needs, and closes them in reverse.
 * @param options `command`: runs the program in a shell
 * @throws CacheError ALREADY_RUNNING or BAD_CONFIG; nothing stays open then.
 */
export async function startDaemon(
  loaded: LoadedConfig,
  { command = 'autocached', overrides = {} }: { command?: string; overrides?: Partial<Overrides> } = {},
): Promise<Daemon> {
  const opened = new Disposal();
  try {
    return await compose(loaded, command, overrides, opened);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(
  loaded: LoadedConfig,
  command: string,
  overrides: Partial<Overrides>,
  opened: Disposal,
): Promise<Daemon> {
  const { config, environment } = loaded;
  const { clock = systemClock, log = createLog(config.log), events = new Events() } = overrides;
  const context = { clock, log, events, opened };

  const stopped = Promise.withResolvers<void>();
  const stopSaying = (text: string) => (why: CacheError) => {
    log.error({ why: why.message }, text);
    stopped.resolve();
  };
  const onLost = stopSaying('the locks of this daemon were removed, and another one has taken its place: this one stops');
  const onUnfit = stopSaying('this daemon stops');
  const storage = await openStorage(config, {
    ...context,
    onLost,
    onUnfit,
    ...(overrides.pauses && { pauses: overrides.pauses }),
  });
  const { catalog, handedOut, tier, tiers, ram, accounts, watch } = storage;
  const settings = openSettings(loaded, storage, context);
  const onSpent = spentCounter(catalog, context);
  const { ignoresCase, openThread } = overrides;
  const sources = await openSources(loaded, settings, storage, { ...context, ignoresCase, openThread, onSpent });
  const { roots, speeds, sourceSpeeds } = sources;
  const queuedFiles = new QueuedFiles();
  const expecting = { queuedFiles, foreseenFiles: openForeseenFiles(catalog) };
  const rules = rulesOf(settings, storage, sources, context, expecting);
  const leases = new Leases(clock, catalog.usage.savedLeases());
  if (ram) opened.defer(() => emptyRam(catalog, ram.tier, (path) => leases.isLeased(path)));

  const farmLink = openFarmLink(config, catalog, context);
  const traffic =
    farmLink && (await openTraffic(farmLink, loaded, { ...context, catalog, tier, settings, speedOf: speeds.measured }));
  const sharedStore = openShared(loaded, { ...context, ...rules, catalog, tiers, speeds, farm: farmLink });

  const onTrouble = (error: unknown) => accounts.afterTrouble(error);
  const shared = { ...context, ...rules, ...expecting, catalog, tiers, accounts, sources: roots, leases, handedOut, onTrouble };
  const options = lookupOptionsOf(settings, { limit: () => rules.bound(tier).limit, cacheState: () => tier.state() });
  const copying = composeCopying({
    ...shared,
    memory: ram?.tier ?? null,
    speeds: sourceSpeeds,
    cacheDisk: storage.cacheDisk,
    workers: overrides.workers ?? new CopyWorkers(clock, environment, { onSpent }),
    options: copyOptionsOf(settings),
    isLeftOut: isLeftOutBy(settings, options.limit),
    compress: config.compress === 'cold',
    farm: traffic,
    sharedStore,
    ...(overrides.graceMs !== undefined && { graceMs: overrides.graceMs }),
  });
  const answering = composeAnswering({
    ...shared,
    ...copying,
    speeds,
    options,
  });
  const upkeep = openUpkeep({ ...shared, ...copying, ...answering, speeds, scrubMs: () => settings.current.scrubMs });
  const { quietMs } = overrides;
  const foresight = openForesight({ ...shared, ...answering, bound: rules.bound, tier, settings, quietMs });
  const { graceMs } = overrides;
  const { memo, memoBounds } = openMemo({ ...shared, bound: () => rules.bound(tier), tier, settings, speeds, graceMs });
  const llm = openLlm({ ...context, config, memo });
  const prompts = openPrompts({ ...shared, config, settings, workflows: answering.workflows, memo });
  const presets = openPresets({ ...shared, ...answering, stateDir: config.stateDir, settings, memo });
  const farm = farmLink && traffic && joinFarm(farmLink, { ...context, ...answering, catalog, traffic, options });
  const mode = () => settings.mode();
  const variants = openVariants({ ...shared, ...copying, tier, stateDir: config.stateDir, mode });
  const { limitKeeper } = copying;
  settings.guardLimit((of) => limitKeeper.leavingUnder(rules.bounds.under(of)));
  settings.onChange((changed) => {
    copying.copier.reconsider();
    traffic?.reconsider();
    if (changed.has('scrubMs')) upkeep.scrub.reconsider();
    if (changed.has('roots') || changed.has('comfyui')) void roots.update(settings.current);
    // A user who changes it has seen the cost.
    void (boundFields.some((field) => changed.has(field)) ? limitKeeper.settle() : limitKeeper.keep());
    void copying.roomAhead.look();
  });

  const server = await listen(
    {
      ...shared,
      ...copying,
      ...answering,
      ...upkeep,
      filters: options.filters,
      memo,
      memoBounds,
      llm,
      prompts,
      presets,
      foresight,
      farm,
      variants,
      sharedStore,
      daemon: { version, command, startedAt: clock.monotonic(), cacheDir: tier.dir, stop: stopped.resolve },
      settings,
      roots,
    },
    {
      ...config.listen,
      orAbove: isDefault('listen', loaded),
      except: config.farmListen?.port,
      hosts: config.hosts,
      stateDir: config.stateDir,
      shared: config.group !== null,
      directories: tiers.all().map(({ dir }) => dir),
      keptToken: remoteFromEnvironment(environment).tokenFile,
    },
  );
  opened.defer(() => server[Symbol.asyncDispose]());
  opened.defer(noteElsewhere(config.stateDir, loaded.context.defaults.state, log));

  catalog.answerFirst();
  settings.watch();
  opened.defer(() => settings[Symbol.asyncDispose]());
  roots.keep();
  accounts.begin();
  watch.start();
  void accounts.ready.then(() => {
    startCopying(copying);
    memo.manage.begin();
    memoBounds.begin();
    void presets.warmUp();
    upkeep.scrub.start();
  });
  // While the daemon closes, the accounts must not become complete, nor the work above start.
  opened.defer(() => accounts[Symbol.asyncDispose]());
  // Resumes the unfinished copies of the last run; the sources are checked again.
  void answering.warmer.warm({ paths: catalog.usage.takeUnfinishedJobs() });
  const { workflows } = answering;
  if (config.comfyuiUrl !== null) {
    const endWatching = watchComfyuiQueue({
      url: config.comfyuiUrl,
      onPrompt: ({ document, promptId }) => workflows.prefetchUnlessTold(document, promptId),
      onQueue: ({ running, pending }) => queuedFiles.is([...running, ...pending], running[0] ?? null, clock.now()),
      onObjectInfo: (info) => workflows.describeNodes(info),
      log,
    });
    opened.defer(endWatching);
  }

  // The figures of a small cache are exact at the start.
  await bounded(accounts.ready, smallCacheMs);
  return {
    url: server.url,
    config,
    roots: roots.list(),
    limitBytes: rules.bound(tier).limit,
    usedBytes: catalog.placements.usedUnderLimit('ssd'),
    accounting: !accounts.complete,
    stopped: stopped.promise,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
