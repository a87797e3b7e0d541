import type { Catalog } from '../catalog/catalog.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import type { LookupOptions } from '../lookup/collaborators.ts';
import { Copies } from '../lookup/copies.ts';
import { currentFilters } from '../lookup/filters.ts';
import { LoadUsage, type LoadUsageDeps } from '../lookup/load-usage.ts';
import { Lookup } from '../lookup/lookup.ts';
import { LookupStats } from '../lookup/stats.ts';
import type { CopyPlanner } from '../placement/planner.ts';
import type { ForeseenFiles } from '../policy/foreseen-files.ts';
import type { QueuedFiles } from '../policy/queued-files.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { Evictor } from '../space/evict.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Accounts } from '../upkeep/accounts.ts';
import type { HandedOut } from '../usage/handed-out.ts';
import type { Leases } from '../usage/leases.ts';
import { MemoryWarmer } from '../usage/memory-warmer.ts';
import { OpenSources } from '../usage/open-sources.ts';
import { PageCache } from '../usage/page-cache.ts';
import type { Speeds } from '../usage/speeds.ts';
import { Warmer } from '../usage/warmer.ts';
import { coreTable } from '../workflow/core-table.ts';
import { Learned } from '../workflow/learned.ts';
import { Workflows } from '../workflow/workflows.ts';
import type { Context } from './context.ts';

export interface AnsweringParts extends Context {
  catalog: Catalog;
  tiers: Tiers;
  accounts: Pick<Accounts, 'complete' | 'unaccounted'>;
  sources: Pick<SourceRoots, 'locate' | 'candidates' | 'nameOf' | 'stat' | 'categories' | 'withStem'>;
  planner: CopyPlanner;
  evictor: Evictor;
  leases: Leases;
  handedOut: HandedOut;
  speeds: Speeds;
  options: LookupOptions;
  queuedFiles: QueuedFiles;
  foreseenFiles: ForeseenFiles;
  onTrouble(error: unknown): void;
}

/** The parts that answer lookups, and those that request copies ahead of them. */
export interface Answering {
  lookup: Lookup;
  lookupStats: LookupStats;
  openSources: OpenSources;
  warmer: Warmer;
  memoryWarmer: MemoryWarmer;
  workflows: Workflows;
}

/** The settings for lookups, with their values in force. */
export function lookupOptionsOf(settings: ServedSettings, cache: Pick<LookupOptions, 'limit' | 'cacheState'>): LookupOptions {
  const { ownPath } = coreTable();
  return {
    mode: () => settings.mode(),
    ...cache,
    rateFor: (medium) => settings.rateFor(medium),
    filters: currentFilters(() => settings.current),
    wantsOwnPath: (nodeClass) => ownPath.includes(nodeClass) || settings.current.comfyuiOwnPath.includes(nodeClass),
    prefetches: () => settings.current.predict !== 'off',
    get onMiss() {
      return settings.current.onMiss;
    },
    get waitMaxMs() {
      return settings.current.waitMaxMs;
    },
  };
}

export function composeAnswering(parts: AnsweringParts): Answering {
  const { catalog, clock, log, queuedFiles: queued, foreseenFiles: foreseen } = parts;
  const learned = new Learned({
    inputs: catalog.settings,
    loads: catalog.learnedLoads,
    write: (work) => catalog.write(work),
    log,
  });
  const expected: LoadUsageDeps['queued'] = {
    beginNext: (promptId, now) => queued.beginNext(promptId, now),
    loaded(path) {
      queued.loaded(path);
      foreseen.loaded(path, clock.now());
    },
  };
  const lookupStats = new LookupStats();
  const lookup = new Lookup({
    ...parts,
    copies: new Copies(parts),
    usage: new LoadUsage({ ...parts, usage: catalog.usage, loads: catalog.loads, learned, queued: expected }),
    stats: lookupStats,
  });
  const add: QueuedFiles['add'] = (promptId, paths, now) => {
    queued.add(promptId, paths, now);
    catalog.loads.queued(promptId, now);
  };
  const asking = { ...parts, lookup };
  const warmer = new Warmer(asking);
  return {
    lookup,
    lookupStats,
    openSources: new OpenSources(asking),
    warmer,
    memoryWarmer: new MemoryWarmer({ ...asking, warmer, pageCache: new PageCache() }),
    workflows: new Workflows({
      ...parts,
      warmer,
      learned,
      queued: { add, begin: (promptId, now) => queued.begin(promptId, now) },
    }),
  };
}
