import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/types.ts';
import { Copier, type CopierDeps } from '../jobs/copier.ts';
import type { QueueLimits } from '../jobs/queue.ts';
import type { CopyWorkers } from '../jobs/workers.ts';
import { Companions } from '../placement/companions.ts';
import { Deduplicator } from '../placement/deduplicate.ts';
import { Demoter } from '../placement/demoter.ts';
import { LimitKeeper } from '../placement/limit-keeper.ts';
import { CopyPlanner } from '../placement/planner.ts';
import { Promotion } from '../placement/promotion.ts';
import { RamKeeper } from '../placement/ram-keeper.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import { Evictor } from '../space/evict.ts';
import type { MemoryTier } from '../tiers/in-memory.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Accounts } from '../upkeep/accounts.ts';
import { retireDamaged } from '../upkeep/damaged.ts';
import type { Leases } from '../usage/leases.ts';
import type { SourceSpeeds } from '../usage/source-speeds.ts';
import type { Context } from './context.ts';
import type { Rules } from './settings.ts';

/** How copies are made, as configured; what may change while the daemon runs is asked for each time. */
export interface CopyOptions extends Pick<CopierDeps, 'polite' | 'reread' | 'dailyWrites'> {
  limits: QueueLimits;
  compress: boolean;
}

export interface CopyingParts extends Context, Rules {
  catalog: Catalog;
  tiers: Tiers;
  accounts: Pick<Accounts, 'complete'>;
  /** The RAM tier, null = none. */
  memory: MemoryTier | null;
  sources: Pick<SourceRoots, 'filesBeside' | 'diskOf'>;
  speeds: SourceSpeeds;
  leases: Leases;
  workers: CopyWorkers;
  options: CopyOptions;
}

/** What copies, compresses, evicts, and plans all of that. */
export interface Copying {
  evictor: Evictor;
  copier: Copier;
  planner: CopyPlanner;
  limitKeeper: LimitKeeper;
  duplicates: Deduplicator;
  /** Null when nothing is compressed. */
  demoter: Demoter | null;
  /** Null without a RAM tier, like `ramKeeper`. */
  promotion: Promotion | null;
  ramKeeper: RamKeeper | null;
}

export function copyOptionsOf(settings: { readonly current: Config }): CopyOptions {
  const { jobs, jobsPerSource, compress } = settings.current;
  return {
    limits: { jobs, perSource: jobsPerSource },
    polite: () => settings.current.polite,
    reread: () => settings.current.verify === 'reread',
    dailyWrites: () => settings.current.dailyWrites,
    compress: compress === 'cold',
  };
}

/** Puts the copying half of the daemon together. Nothing is begun: see `startCopying`. */
export function composeCopying(parts: CopyingParts): Copying {
  const { tiers, memory, sources, speeds, leases, options, opened } = parts;
  const evictor = new Evictor({ ...parts, isLeased: (path) => leases.isLeased(path), isBusy: (path) => copier.isBusy(path) });
  const copier: Copier = new Copier({
    ...parts,
    ...options,
    evictor,
    diskOf: (root) => sources.diskOf(root),
    onMeasured: (file, bytes, readMs) => speeds.copied(file, bytes, readMs),
    onRestored: (tier, bytes, ms) => speeds.restored(tier, bytes, ms),
    onDamaged: (copy, entry, why) => retireDamaged(parts, { copy, entry }, { why, chunks: [] }),
  });
  opened.defer(() => copier[Symbol.asyncDispose]());

  const ssd = tiers.require('ssd');
  const placing = { ...parts, evictor, copier, outstanding: () => 0 };
  const companions = new Companions(placing);
  const promotion = memory && new Promotion({ ...placing, tier: memory });
  const ramKeeper = memory && new RamKeeper({ ...placing, tier: memory });
  const demoter = options.compress ? new Demoter(placing) : null;
  const duplicates = new Deduplicator({ ...placing, tier: ssd });
  for (const one of [demoter, promotion, ramKeeper, duplicates]) opened.defer(() => one?.[Symbol.asyncDispose]());

  return {
    evictor,
    copier,
    planner: new CopyPlanner({ copier, companions, promotion }),
    limitKeeper: new LimitKeeper({ ...placing, tier: ssd, demoter }),
    duplicates,
    demoter,
    promotion,
    ramKeeper,
  };
}

/** Begins what works by itself: keeping the tiers within their bounds, compressing, and joining equal copies. */
export function startCopying({ limitKeeper, ramKeeper, duplicates, demoter }: Copying): void {
  void limitKeeper.keep();
  ramKeeper?.start();
  duplicates.start();
  demoter?.start();
}
