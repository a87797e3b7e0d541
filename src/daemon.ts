import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from './catalog/catalog.ts';
import { lockDirectory } from './catalog/lock.ts';
import { boundOf } from './config/bound.ts';
import { LiveSettings } from './config/live-settings.ts';
import type { Config, LoadedConfig } from './config/types.ts';
import { Copier } from './copy/copier.ts';
import { Evictor } from './copy/evict.ts';
import { trim } from './copy/make-room.ts';
import { CopyWorkers } from './copy/workers.ts';
import type { RootView } from './core/api.ts';
import { systemClock } from './core/clock.ts';
import { Disposal } from './core/disposal.ts';
import { Events } from './core/events.ts';
import { createLog, type Log } from './core/log.ts';
import { version } from './core/version.ts';
import { listen } from './http/listen.ts';
import { createFilters } from './lookup/filters.ts';
import { Leases } from './lookup/leases.ts';
import { Lookup } from './lookup/lookup.ts';
import { Speeds } from './lookup/speeds.ts';
import { LookupStats } from './lookup/stats.ts';
import { warm } from './lookup/warm.ts';
import { policies } from './policy/policies.ts';
import { openPosixTier } from './tiers/posix-tier.ts';
import { startFlushing } from './upkeep/flush.ts';
import { reconcile } from './upkeep/reconcile.ts';
import { SourceRoots } from './upkeep/source-roots.ts';

/** A running daemon. Disposing it stops it; `stopped` settles when it has been asked to stop over HTTP. */
export interface Daemon extends AsyncDisposable {
  url: string;
  config: Config;
  roots: RootView[];
  limitBytes: number;
  usedBytes: number;
  stopped: Promise<void>;
}

/**
 * THE composition root: opens every room in order, gives each what it needs, and closes them in reverse.
 * @throws CacheError ALREADY_RUNNING or BAD_CONFIG; nothing stays open then.
 */
export async function startDaemon(loaded: LoadedConfig, options: { log?: Log } = {}): Promise<Daemon> {
  const opened = new Disposal();
  try {
    return await compose(loaded, options.log ?? createLog(loaded.config.log), opened);
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(loaded: LoadedConfig, log: Log, opened: Disposal): Promise<Daemon> {
  const { config } = loaded;
  const clock = systemClock;
  const events = new Events();

  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  opened.defer(lockDirectory(config.stateDir, 'state directory'));
  const tier = openPosixTier('ssd', config.dir);
  opened.defer(lockDirectory(config.dir, 'cache directory'));
  const tiers = { ram: undefined, ssd: tier, cold: undefined };

  const catalog = new Catalog(join(config.stateDir, 'catalog.db'), clock);
  opened.defer(() => catalog[Symbol.dispose]());
  if (catalog.damaged)
    log.error({ why: catalog.damaged }, 'the catalog was damaged; it is set aside and rebuilt from the cache directory');
  reconcile({ catalog, tier, log });

  const settings = new LiveSettings(loaded, catalog.settings);
  // The view that programs read while no daemon answers must not outlive a mode of `off`.
  const tellMode = () => catalog.settings.set('resolver', settings.current.mode === 'off' ? 'off' : 'on', '');
  tellMode();
  const resolveBound = () =>
    boundOf(
      { ...settings.current, minFree: config.minFree },
      { ...tier.capacity(), used: catalog.copies.usedBytes(tier.name) },
    );
  let resolved = resolveBound();
  const bound = () => resolved;
  const policy = () => policies[settings.current.policy];

  const roots = new SourceRoots({ catalog, events, log, clock, cacheDir: config.dir });
  opened.defer(() => roots[Symbol.asyncDispose]());
  await roots.open({ configured: config.roots, comfyui: config.comfyui, environment: loaded.environment });

  const speeds = new Speeds();
  const leases = new Leases(clock, catalog.usage.savedLeases());
  const evictor = new Evictor({
    catalog,
    tiers,
    events,
    log,
    isLeased: (path) => leases.isLeased(path),
    isBusy: (path) => copier.activeJob(path) !== undefined,
  });
  const copier = new Copier({
    catalog,
    evictor,
    tier,
    workers: new CopyWorkers(clock, loaded.environment),
    events,
    clock,
    log,
    policy,
    bound,
    limits: { jobs: config.jobs, perSource: config.jobsPerSource },
    rates: () => settings.current.rate,
    dailyWrites: config.dailyWrites,
    onMeasured: (root, bytes, readMs) => speeds.learn(root, bytes, readMs),
  });
  opened.defer(() => copier[Symbol.asyncDispose]());

  const trimToBound = () =>
    trim({ catalog, evictor, policy, bound, outstanding: () => 0 }, tier).catch((err) =>
      log.error({ err }, 'trimming to the limit failed'),
    );

  const lookupStats = new LookupStats();
  const lookup = new Lookup({
    catalog,
    tiers,
    locate: (path) => roots.locate(path),
    candidates: (category, name) => roots.candidates(category, name),
    statSource: (located) => roots.stat(located),
    requestCopy: (request) => copier.request(request),
    activeJob: (path) => copier.activeJob(path),
    recentFailure: (path) => copier.recentFailure(path),
    onDamaged: (copy, entry) =>
      void evictor.evict(copy, entry, 'damaged').catch((err) => log.error({ err }, 'removing a damaged copy failed')),
    secondsSaved: (source, name, bytes) => speeds.secondsSaved(source, name, bytes),
    mode: () => settings.current.mode,
    filters: createFilters(config),
    limit: () => bound().limit,
    waitMaxMs: config.onMiss === 'background' ? 0 : config.waitMaxMs,
    leases,
    stats: lookupStats,
    clock,
    log,
  });

  opened.defer(startFlushing({ catalog, leases, log }));
  const stopped = Promise.withResolvers<void>();
  const server = await listen(
    {
      version,
      startedAt: clock.monotonic(),
      clock,
      log,
      events,
      catalog,
      lookup,
      lookupStats,
      leases,
      copier,
      evictor,
      tiers,
      bound,
      policy,
      settings: {
        mode: () => settings.current.mode,
        describe: () => settings.describe(),
        notices: loaded.notices,
        change: (change) => {
          settings.change(change);
          copier.reconsider();
          if (change.mode) events.emit('mode-changed', { mode: change.mode });
          tellMode();
          resolved = resolveBound();
          void trimToBound();
        },
      },
      roots: { list: () => roots.list(), register: (request) => roots.register(request) },
      waitMaxMs: config.waitMaxMs,
      stop: stopped.resolve,
    },
    { ...config.listen, stateDir: config.stateDir },
  );
  opened.defer(() => server[Symbol.asyncDispose]());

  void trimToBound();
  roots.keep();
  // What the last run of the daemon did not finish copying; the sources are asked anew.
  void warm(
    { lookup, waitMaxMs: 0, requestCopy: (request) => copier.request(request) },
    { paths: catalog.usage.takeUnfinishedJobs() },
  );

  return {
    url: server.url,
    config,
    roots: roots.list(),
    limitBytes: bound().limit,
    usedBytes: catalog.copies.usedBytes('ssd'),
    stopped: stopped.promise,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
