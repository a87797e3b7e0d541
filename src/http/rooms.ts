import type { Catalog } from '../catalog/catalog.ts';
import type { Copier } from '../copy/copier.ts';
import type { Evictor } from '../copy/evict.ts';
import type { ConfigChange, ConfigValue, RootsRequest, RootView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import type { Events } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Mode, TierName } from '../core/types.ts';
import type { LookupDeps } from '../lookup/deps.ts';
import type { Leases } from '../lookup/leases.ts';
import type { Lookup } from '../lookup/lookup.ts';
import type { LookupStats } from '../lookup/stats.ts';
import type { Stuck } from '../lookup/stuck.ts';
import type { WarmMemoryDeps } from '../lookup/warm-memory.ts';
import type { Policy } from '../policy/policy.ts';
import type { Tier } from '../tiers/tier.ts';
import type { PublishedCheck } from '../upkeep/published.ts';
import type { Scrub } from '../upkeep/scrub.ts';
import type { Workflows } from '../workflow/workflows.ts';

/** What the routes are given to serve. */
export interface Rooms {
  version: string;
  startedAt: number;
  clock: Clock;
  log: Log;
  events: Events;
  catalog: Catalog;
  lookup: Lookup;
  lookupStats: LookupStats;
  leases: Leases;
  stuck: Stuck;
  /** Whether ComfyUI is to let go of models that it still reads from their sources. */
  comfyuiFree: 'off' | 'auto';
  copier: Copier;
  requestCopy: LookupDeps['requestCopy'];
  memory: Pick<WarmMemoryDeps, 'promote' | 'pageCache'>;
  workflows: Workflows;
  evictor: Evictor;
  scrub: Scrub;
  published: PublishedCheck;
  tiers: Record<TierName, Tier | undefined>;
  /** Limit and floor of a tier, bytes. */
  bound(tier: Tier): { limit: number; floor: number };
  policy(): Policy;
  settings: {
    mode(): Mode;
    describe(): ConfigValue[];
    notices: readonly string[];
    /** @throws CacheError BAD_CONFIG and changes nothing. */
    change(change: ConfigChange): void;
  };
  roots: {
    list(): RootView[];
    /** The path as the catalog has it, or null below no known root. */
    locate(path: string): { path: string } | null;
    /** @throws CacheError BAD_REQUEST when a path cannot be a root. */
    register(request: RootsRequest): Promise<RootView[]>;
  };
  /** Longest wait a request may ask for, ms. */
  waitMaxMs: number;
  stop(): void;
}
