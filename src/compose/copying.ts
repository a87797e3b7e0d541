import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/types.ts';
import { ActiveJobs } from '../jobs/active-jobs.ts';
import { Copier, type CopierDeps } from '../jobs/copier.ts';
import type { StoreHelp } from '../jobs/copy-maker.ts';
import type { FarmHelp } from '../jobs/copy-runner.ts';
import type { CopyOptions } from '../jobs/options.ts';
import type { CopyWorkers } from '../jobs/workers.ts';
import { Companions, type CompanionsDeps } from '../placement/companions.ts';
import { Deduplicator } from '../placement/deduplicate.ts';
import { Demoter } from '../placement/demoter.ts';
import { LimitKeeper, type LimitKeeperDeps } from '../placement/limit-keeper.ts';
import { CopyPlanner, type PlannerDeps } from '../placement/planner.ts';
import { Promotion } from '../placement/promotion.ts';
import { RamKeeper } from '../placement/ram-keeper.ts';
import { RoomAhead } from '../placement/room-ahead.ts';
import { softBound } from '../placement/soft-bound.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import { Evictor } from '../space/evict.ts';
import { EvictionOrder } from '../space/eviction-order.ts';
import type { MemoryTier } from '../tiers/in-memory.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Accounts } from '../upkeep/accounts.ts';
import { retireDamaged } from '../upkeep/damaged.ts';
import type { HandedOut } from '../usage/handed-out.ts';
import type { Leases } from '../usage/leases.ts';
import type { SourceSpeeds } from '../usage/source-speeds.ts';
import type { Context } from './context.ts';
import type { Rules } from './settings.ts';

export interface CopyingParts extends Context, Rules {
  catalog: Catalog;
  tiers: Tiers;
  accounts: Pick<Accounts, 'complete' | 'compared' | 'isUnproven'>;
  /** The RAM tier, null = none. */
  memory: MemoryTier | null;
  sources: Pick<SourceRoots, 'filesBeside' | 'diskOf' | 'mediumOf' | 'remoteOf' | 'head' | 'stat'>;
  speeds: SourceSpeeds;
  leases: Leases;
  handedOut: HandedOut;
  workers: CopyWorkers;
  cacheDisk: CopierDeps['cacheDisk'];
  options: CopyOptions;
  /** Null without a farm. */
  farm?: FarmHelp | null | undefined;
  /** Null without a shared store. */
  sharedStore?: (StoreHelp & PlannerDeps['sharedStore']) | null;
  bounds: LimitKeeperDeps['bounds'];
  isLeftOut: CompanionsDeps['isLeftOut'];
  graceMs?: number;
  /** Whether copies are compressed into the cold tier. */
  compress: boolean;
}

/** The parts that copy, compress, evict, and plan all of that. */
export interface Copying {
  active: ActiveJobs;
  evictor: Evictor;
  order: EvictionOrder;
  copier: Copier;
  planner: CopyPlanner;
  limitKeeper: LimitKeeper;
  roomAhead: RoomAhead;
  duplicates: Deduplicator;
  /** Null when compressing is off. */
  demoter: Demoter | null;
  /** Null without a RAM tier, like `ramKeeper`. */
  promotion: Promotion | null;
  ramKeeper: RamKeeper | null;
}

/** The settings for copying, with their values in force. */
export function copyOptionsOf(settings: { readonly current: Config }): CopyOptions {
  const { jobs, jobsPerSource } = settings.current;
  return {
    limits: { jobs, perSource: jobsPerSource },
    rates: () => settings.current.rate,
    polite: () => settings.current.polite,
    reread: () => settings.current.verify === 'reread',
    dailyWrites: () => settings.current.dailyWrites,
    remoteMonthly: () => settings.current.remoteMonthly,
  };
}

/** Puts the copying half of the daemon together, without starting it: see `startCopying`. */
export function composeCopying(parts: CopyingParts): Copying {
  const { tiers, memory, compress, opened } = parts;
  const active = new ActiveJobs();
  const evictor = new Evictor({ ...parts, active });
  const order = new EvictionOrder(parts.catalog);
  const copier = new Copier({
    ...parts,
    evictor,
    order,
    active,
    onDamaged: (copy, entry, why) => retireDamaged(parts, { copy, entry }, { why, chunks: [] }),
  });
  opened.defer(() => copier[Symbol.asyncDispose]());

  const ssd = tiers.require('ssd');
  const placing = { ...parts, evictor, order, copier, outstanding: () => 0 };
  const companions = new Companions(placing);
  const inMemory = memory && { ...placing, tier: memory, bound: (tier: Tier) => softBound(parts, tier) };
  const promotion = inMemory && new Promotion(inMemory);
  const ramKeeper = inMemory && new RamKeeper(inMemory);
  const demoter = compress ? new Demoter(placing) : null;
  const duplicates = new Deduplicator({ ...placing, tier: ssd });
  const limitKeeper = new LimitKeeper({ ...placing, tier: ssd, demoter });
  const roomAhead = new RoomAhead({ ...placing, tier: ssd });
  opened.defer(() => limitKeeper[Symbol.dispose]());
  for (const one of [demoter, promotion, ramKeeper, duplicates, roomAhead]) opened.defer(() => one?.[Symbol.asyncDispose]());

  return {
    active,
    evictor,
    order,
    copier,
    planner: new CopyPlanner({ copier, companions, promotion, tiers, farm: parts.farm, sharedStore: parts.sharedStore }),
    limitKeeper,
    roomAhead,
    duplicates,
    demoter,
    promotion,
    ramKeeper,
  };
}

/** Starts the automatic work: keeping the tiers within their bounds, compressing, and joining equal copies. */
export function startCopying({ limitKeeper, roomAhead, ramKeeper, duplicates, demoter }: Copying): void {
  void limitKeeper.begin();
  roomAhead.start();
  ramKeeper?.start();
  duplicates.start();
  demoter?.start();
}
