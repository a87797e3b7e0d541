import { join, sep } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Medium, TierName } from '../../src/core/types.ts';
import { Copier } from '../../src/jobs/copier.ts';
import type { Job } from '../../src/jobs/job.ts';
import type { QueueLimits } from '../../src/jobs/queue.ts';
import type { Rates } from '../../src/jobs/rate-limiter.ts';
import { CopyWorkers } from '../../src/jobs/workers.ts';
import { policies } from '../../src/policy/policies.ts';
import type { Surroundings } from '../../src/policy/policy.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';
import { Evictor } from '../../src/space/evict.ts';
import type { Bound } from '../../src/space/make-room.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { Tiers } from '../../src/tiers/tiers.ts';
import { retireDamaged } from '../../src/upkeep/damaged.ts';
import { Leases } from '../../src/usage/leases.ts';
import { fingerprintOf, writeModel, writeWeights } from './files.ts';
import { InlineWorkers } from './inline-workers.ts';
import { tempDir } from './temp-dir.ts';

export interface RigOptions {
  dir?: string;
  /** Tiers besides the ssd tier. */
  extra?: ('ram' | 'cold')[];
  limit?: number;
  floor?: number;
  policy?: keyof typeof policies;
  clock?: Clock;
  jobs?: number;
  perSource?: QueueLimits['perSource'];
  diskOf?: (root: string) => string | null;
  /** How copies are made: by threads and processes as in the daemon (the default), on the test's thread, or by this worker. */
  workers?: 'inline' | URL;
  rates?: Rates;
  dailyWrites?: number;
  /** Gives way to other programs; off unless it is said. */
  polite?: boolean;
  reread?: boolean;
}

/** A clock that stands still, and sources that are all equally slow. */
export const surroundings: Surroundings = { now: () => 1e12, secondsPerByte: () => 1e-8 };

export type Rig = ReturnType<typeof createRig>;

/** The copying half of the daemon over real folders: catalog, tier, evictor, pool. */
export function createRig(options: RigOptions = {}) {
  const dir = options.dir ?? tempDir();
  const root = join(dir, 'models');
  const clock = options.clock ?? systemClock;
  const log = createLog({ level: 'silent', form: 'json' });
  const events = new Events();
  const catalog = new Catalog(join(dir, 'catalog.db'), clock);
  const tier = openPosixTier('ssd', join(dir, 'cache'));
  const extra = (options.extra ?? []).map((name) => openPosixTier(name, join(dir, name)));
  const tiers = new Tiers([tier, ...extra]);
  const leases = new Leases(clock, []);
  const bound: Bound = { limit: options.limit ?? 1e9, floor: options.floor ?? 0 };
  const evictor = new Evictor({
    catalog,
    tiers,
    events,
    log,
    isLeased: (path) => leases.isLeased(path),
    isBusy: (path) => copier.isBusy(path),
  });
  const workers = options.workers === 'inline' ? new InlineWorkers(clock) : new CopyWorkers(clock, undefined, options.workers);
  const copier = new Copier({
    catalog,
    evictor,
    tiers,
    workers,
    events,
    clock,
    log,
    policy: () => policies[options.policy ?? 'lru'](surroundings),
    bound: () => bound,
    limits: { jobs: options.jobs ?? 2, perSource: options.perSource ?? {} },
    rates: () => options.rates ?? { overall: null, by: {} },
    polite: options.polite ?? false,
    reread: options.reread ?? false,
    diskOf: options.diskOf ?? (() => null),
    dailyWrites: options.dailyWrites ?? null,
    onMeasured: () => {},
    onRestored: () => {},
    onDamaged: (copy, entry, why) => retireDamaged({ catalog, tiers, events, log }, { copy, entry }, { why, chunks: [] }),
  });
  const close = async () => {
    await copier[Symbol.asyncDispose]();
    catalog[Symbol.dispose]();
  };
  let open = true;
  const closeOnce = async () => {
    if (open) await close();
    open = false;
  };
  onTestFinished(closeOnce);

  const source = (rel: string, size: number) => {
    const path = join(root, rel);
    const bytes = writeModel(path, size);
    return { path, rel, bytes };
  };
  /** A source that compresses by a third. */
  const weights = (rel: string, size: number) => {
    const path = join(root, rel);
    const bytes = writeWeights(path, size);
    return { path, rel, bytes };
  };
  const place = (path: string) => {
    const rel = path.slice(root.length + 1);
    return { path, root, rel, category: rel.split(sep)[0] ?? null };
  };
  const file = (path: string) => ({ ...place(path), fingerprint: fingerprintOf(path) });
  const request = (path: string, priority: Job['priority'] = 'background', medium: Medium = 'hdd', tier: TierName = 'ssd') =>
    copier.request({ file: file(path), priority, medium, tier });
  /** Copies and waits for the end. */
  const copy = async (path: string, to: TierName = 'ssd') => {
    const job = request(path, 'background', 'hdd', to);
    await job.ended;
    return job;
  };
  const seen: { name: keyof EventMap; event: unknown }[] = [];
  events.subscribe((name, event) => seen.push({ name, event }));

  return {
    dir,
    root,
    clock,
    catalog,
    tier,
    tiers,
    leases,
    bound,
    evictor,
    workers,
    copier,
    events,
    seen,
    log,
    source,
    weights,
    place,
    file,
    request,
    copy,
    close: closeOnce,
  };
}
