import type { RootView } from '../api/api.ts';
import { watchComfyuiQueue } from '../comfyui/queue.ts';
import type { LoadedConfig } from '../config/config.ts';
import { LiveSettings } from '../config/live-settings.ts';
import type { Config } from '../config/types.ts';
import type { Entry, Medium } from '../core/types.ts';
import { listen } from '../http/listen.ts';
import type { CopyRequest } from '../jobs/job.ts';
import { createFilters } from '../lookup/filters.ts';
import { Lookup } from '../lookup/lookup.ts';
import { LookupStats } from '../lookup/stats.ts';
import { Companions, withCompanions } from '../placement/companions.ts';
import { Deduplicator } from '../placement/deduplicate.ts';
import { startRam } from '../placement/ram.ts';
import { policies } from '../policy/policies.ts';
import type { Surroundings } from '../policy/policy.ts';
import { SourceRoots } from '../roots/source-roots.ts';
import { systemClock } from '../runtime/clock.ts';
import { Disposal } from '../runtime/disposal.ts';
import { Events } from '../runtime/events.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { version } from '../runtime/version.ts';
import { emptyRam } from '../upkeep/empty-ram.ts';
import { startFlushing } from '../upkeep/flush.ts';
import { PublishedCheck } from '../upkeep/published.ts';
import { retryAfterOutage } from '../upkeep/retry-after-outage.ts';
import { Scrub } from '../upkeep/scrub.ts';
import { Leases } from '../usage/leases.ts';
import { OpenSources } from '../usage/open-sources.ts';
import { PageCache } from '../usage/page-cache.ts';
import { Speeds } from '../usage/speeds.ts';
import { warm, warmEach } from '../usage/warm.ts';
import { Workflows } from '../workflow/workflows.ts';
import { openCopying } from './copying.ts';
import { openLive } from './live.ts';
import { openBounds, openLearned, openStorage } from './storage.ts';

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

  const storage = await openStorage(config, { clock, log, opened });
  const { tier, ram, tiers, catalog, onTrouble } = storage;

  const settings = new LiveSettings(loaded, catalog.settings);
  // The view that programs read while no daemon answers must not outlive a mode of `off`.
  const tellMode = () => catalog.settings.set('resolver', settings.current.mode === 'off' ? 'off' : 'on', '');
  tellMode();
  const bounds = openBounds(storage, settings, { minFree: config.minFree, log });
  const bound = bounds.of;

  const roots = new SourceRoots({ catalog, events, log, clock, cacheDirs: [config.dir, ...(ram ? [ram.tier.dir] : [])] });
  opened.defer(() => roots[Symbol.asyncDispose]());
  await roots.open({ configured: config.roots, comfyui: config.comfyui, environment: loaded.environment });

  const speeds = new Speeds(catalog.speeds);
  const secondsPerByte: Surroundings['secondsPerByte'] = ({ path, root }) =>
    Math.max(speeds.secondsSaved({ root, medium: roots.locate(path)?.medium ?? 'hdd' }, 'ssd', 1), Number.EPSILON);
  const policy = () => policies[settings.current.policy]({ now: () => clock.now(), secondsPerByte });
  const rateFor = (medium: Medium) => settings.current.rate.by[medium] ?? settings.current.rate.overall;
  const leases = new Leases(clock, catalog.usage.savedLeases());
  if (ram) opened.defer(() => emptyRam(catalog, ram.tier, (path) => leases.isLeased(path)));
  const copying = { catalog, tiers, events, log, clock, roots, speeds, leases, settings, policy, bound };
  const { evictor, copier, demoter, trimToBound } = openCopying(copying, loaded, opened);

  const unitOf = (entry: Entry) => withCompanions([entry], catalog);
  const mode = () => settings.current.mode;
  const promotion = ram && startRam({ catalog, evictor, copier, tier: ram.tier, policy, bound, mode, unitOf, log }, opened);
  const sharing = new Deduplicator({ catalog, tier, evictor, events, log });
  opened.defer(() => sharing[Symbol.asyncDispose]());

  const learned = openLearned(storage, log);

  const companions = new Companions({
    catalog,
    tiers,
    filesBeside: (path) => roots.filesBeside(path),
    requestCopy: (request) => copier.request(request),
    recentFailure: (path) => copier.failures.recent(path),
    clock,
  });
  const requestCopy = (request: CopyRequest) => promotion?.restore(request) ?? companions.request(request);
  const lookupStats = new LookupStats();
  const lookup = new Lookup({
    catalog,
    tiers,
    locate: (path) => roots.locate(path),
    candidates: (category, name) => roots.candidates(category, name),
    statSource: (located, patience) => roots.stat(located, patience),
    requestCopy,
    isComplete: (path, tier) => companions.complete(path, tier),
    onServed: (path, tier, lease) => {
      companions.served(path, tier, lease);
      promotion?.used(path);
    },
    activeJob: (path) => copier.activeJob(path) ?? copier.activeJob(path, 'ram'),
    recentFailure: (path) => copier.failures.recent(path),
    onDamaged: (copy, entry) =>
      void evictor.evict(copy, entry, 'damaged').catch((err) => log.error({ err }, 'removing a damaged copy failed')),
    onTrouble,
    secondsSaved: (source, name, bytes) => speeds.secondsSaved(source, name, bytes),
    onLoad: ({ client, category, name }) => {
      const { prompt, node } = client ?? {};
      if (prompt && node && category && name) learned.observe({ prompt, node, category, name });
    },
    mode,
    filters: createFilters(config),
    limit: () => bound(tier).limit,
    onMiss: config.onMiss,
    waitMaxMs: config.waitMaxMs,
    speeds,
    bytesAhead: (located, restore) => copier.bytesAhead(located, restore),
    rateFor,
    leases,
    stats: lookupStats,
    clock,
    log,
  });

  const warmDeps = { lookup, waitMaxMs: 0, requestCopy };
  const scrub = new Scrub({
    catalog,
    tiers,
    events,
    log,
    clock,
    recopy: async ({ path }) => (await warm(warmDeps, { paths: [path] })).items.some(({ job }) => job !== null),
    onMeasured: (name, bytes, readMs) => speeds.learn(name, bytes, readMs),
    onIdentified: (copy, entry) => {
      sharing.later([copy]);
      void published.check(entry);
    },
    periodMs: config.scrubMs,
  });
  opened.defer(() => scrub[Symbol.asyncDispose]());
  const published = new PublishedCheck({ catalog, tiers, events, log, published: (path) => roots.published(path) });
  opened.defer(published.start());

  opened.defer(
    retryAfterOutage({
      events,
      rootOf: (path) => roots.locate(path)?.root ?? null,
      check: (path) => roots.check(path),
      takeAway: (root) => copier.failures.takeAway(root),
      backOffMs: (path) => copier.failures.backOffMs(path),
      copyAgain: (paths) => void warm(warmDeps, { paths }),
    }),
  );
  let objectInfo: unknown = null;
  const workflows = new Workflows({
    files: (names, { copy }) =>
      warmEach(
        warmDeps,
        names.map((ask) => ({ item: `${ask.category}/${ask.name}`, ask })),
        { check: !copy, priority: 'prefetch' },
      ),
    categories: () => roots.categories(),
    objectInfo: () => objectInfo,
    learned,
  });

  opened.defer(startFlushing({ catalog, leases, onTrouble }));
  const live = openLive(
    {
      settings,
      loaded,
      events,
      log,
      onChange(changed) {
        copier.reconsider();
        if (changed.has('mode')) events.emit('mode-changed', { mode: mode() });
        tellMode();
        bounds.renew();
        void trimToBound().then(() => demoter.consider());
      },
    },
    opened,
  );
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
      stuck: new OpenSources({ lookup, events, clock, log }),
      comfyuiFree: config.comfyuiFree,
      copier,
      requestCopy,
      memory: { promote: promotion && ((path) => promotion.promote(path, 'warm')), pageCache: new PageCache() },
      workflows,
      evictor,
      scrub,
      published,
      tiers,
      bound,
      policy,
      settings: live,
      roots: { list: () => roots.list(), locate: (path) => roots.locate(path), register: (request) => roots.register(request) },
      waitMaxMs: config.waitMaxMs,
      stop: stopped.resolve,
    },
    { ...config.listen, stateDir: config.stateDir },
  );
  opened.defer(() => server[Symbol.asyncDispose]());

  live.watch();
  void trimToBound();
  roots.keep();
  if (config.comfyuiUrl !== null) {
    const endWatching = watchComfyuiQueue({
      url: config.comfyuiUrl,
      onPrompt: ({ document, promptId }) => workflows.prefetch(document, promptId),
      onObjectInfo: (info) => {
        objectInfo = info;
      },
      log,
    });
    opened.defer(endWatching);
  }
  // What the last run of the daemon did not finish copying; the sources are asked anew.
  void warm(warmDeps, { paths: catalog.usage.takeUnfinishedJobs() });
  scrub.start();
  sharing.start();
  demoter.start();

  return {
    url: server.url,
    config,
    roots: roots.list(),
    limitBytes: bound(tier).limit,
    usedBytes: catalog.copies.usedUnderLimit('ssd'),
    stopped: stopped.promise,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
