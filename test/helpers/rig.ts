import { join, sep } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { composeCopying } from '../../src/compose/copying.ts';
import type { Medium, TierName } from '../../src/core/types.ts';
import type { FarmHelp } from '../../src/jobs/copy-runner.ts';
import type { Job } from '../../src/jobs/job.ts';
import type { QueueLimits } from '../../src/jobs/queue.ts';
import type { RateLimits } from '../../src/jobs/rate-limiter.ts';
import { CopyWorkers } from '../../src/jobs/workers.ts';
import { ForeseenFiles } from '../../src/policy/foreseen-files.ts';
import { policies } from '../../src/policy/policies.ts';
import type { PolicyContext } from '../../src/policy/policy.ts';
import { QueuedFiles } from '../../src/policy/queued-files.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { Disposal } from '../../src/runtime/disposal.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';
import type { Bound } from '../../src/space/make-room.ts';
import type { MemoryTier } from '../../src/tiers/in-memory.ts';
import { leavingLinks } from '../../src/tiers/leave-link.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { Tiers } from '../../src/tiers/tiers.ts';
import { Accounts, type AccountsDeps } from '../../src/upkeep/accounts.ts';
import { HandedOut } from '../../src/usage/handed-out.ts';
import { Leases } from '../../src/usage/leases.ts';
import { SourceSpeeds } from '../../src/usage/source-speeds.ts';
import { Speeds } from '../../src/usage/speeds.ts';
import { catalogIn } from './catalog.ts';
import { fakeSources } from './fake-sources.ts';
import { fingerprintOf, writeModel, writeWeights } from './files.ts';
import { InlineWorkers } from './inline-workers.ts';
import { tempDir } from './temp-dir.ts';

export interface RigOptions {
  dir?: string;
  /** Tiers besides the ssd tier. */
  extra?: ('ram' | 'cold')[];
  /** The RAM tier, if it has its own memory. */
  memory?: MemoryTier;
  limit?: number;
  floor?: number;
  /** Share of the limit to which the RAM tier is trimmed; default all. */
  ramSoft?: number;
  /** Most bytes of categories. */
  quotas?: ReadonlyMap<string, number>;
  water?: { high: number; low: number };
  maxAgeMs?: number;
  policy?: keyof typeof policies;
  /** Facts for the policy in place of those of `policyContext`. */
  facts?: Partial<PolicyContext>;
  clock?: Clock;
  jobs?: number;
  perSource?: QueueLimits['perSource'];
  diskOf?: (path: string) => string | null;
  /** How copies are made: by threads and processes as in the daemon (the default), on the test's thread, or by this worker. */
  workers?: 'threads' | 'inline' | URL;
  rates?: RateLimits;
  dailyWrites?: number;
  remoteMonthly?: number;
  /** Yields to other programs; default false. */
  polite?: boolean;
  reread?: boolean;
  farm?: FarmHelp;
  /** Gives the rig accounts that tests can begin; without this, everything counts as accounted for. */
  pauses?: NonNullable<AccountsDeps['pauses']>;
}

const allAccounted = {
  complete: true,
  ready: Promise.resolve(),
  progress: null,
  orphans: [],
  unaccounted: () => [],
  isUnproven: () => false,
  compared: async () => {},
  dropOrphans: async () => ({ gone: [], left: [] }),
};

/** A clock that stands still, and sources of equal speed. */
export const policyContext: PolicyContext = { now: () => 1e12, secondsPerByte: () => 1e-8 };

export type Rig = ReturnType<typeof createRig>;

/** The copying half of the daemon, composed as the daemon does it, over real folders and one root. */
export function createRig(options: RigOptions = {}) {
  const dir = options.dir ?? tempDir();
  const root = join(dir, 'models');
  const clock = options.clock ?? systemClock;
  const opened = new Disposal();
  const context = { clock, log: createLog({ level: 'silent', form: 'json' }), events: new Events(), opened };
  const { events } = context;
  const catalog = new Catalog(catalogIn(dir), clock);
  opened.defer(() => catalog[Symbol.dispose]());
  const handedOut = new HandedOut(clock, catalog.handedOut.all());
  const tier = leavingLinks(openPosixTier('ssd', join(dir, 'cache')), (path) => handedOut.sourceOf(path));
  const { extra = [], memory = null } = options;
  const tiers = new Tiers([tier, ...extra.map((name) => openPosixTier(name, join(dir, name))), ...(memory ? [memory] : [])]);
  const accounts = options.pauses ? new Accounts({ ...context, catalog, tiers, pauses: options.pauses }) : allAccounted;
  opened.defer(() => accounts instanceof Accounts && accounts[Symbol.asyncDispose]());
  const bound: Bound = { limit: options.limit ?? 1e9, floor: options.floor ?? 0 };
  const sources = fakeSources(root, options.diskOf);
  const speeds = new Speeds(catalog.speeds);
  const leases = new Leases(clock, []);
  const queuedFiles = new QueuedFiles();
  const foreseenFiles = new ForeseenFiles();
  const expectations = { foreseen: (path: string) => foreseenFiles.likely(path, clock.now()) };
  const worker = options.workers instanceof URL ? options.workers : undefined;
  const workers =
    options.workers === 'inline' ? new InlineWorkers(clock) : new CopyWorkers(clock, { ...process.env }, { module: worker });
  const rules = {
    mode: () => sources.mode,
    policy: () => policies[options.policy ?? 'lru']({ ...policyContext, ...expectations, ...options.facts }),
    bound: () => bound,
    quotas: () => options.quotas ?? new Map(),
    water: () => options.water ?? { high: null, low: 0 },
    maxAgeMs: () => options.maxAgeMs ?? null,
    ramSoft: () => options.ramSoft ?? 1,
    variantsLimit: () => bound.limit / 2,
  };
  const copying = composeCopying({
    ...context,
    ...rules,
    catalog,
    tiers,
    accounts,
    memory,
    sources,
    speeds: new SourceSpeeds({ speeds, sources }),
    leases,
    handedOut,
    workers,
    cacheDisk: () => options.diskOf?.(tier.dir) ?? null,
    options: {
      limits: { jobs: options.jobs ?? 2, perSource: options.perSource ?? {} },
      polite: () => options.polite ?? false,
      reread: () => options.reread ?? false,
      dailyWrites: () => options.dailyWrites ?? null,
      remoteMonthly: () => options.remoteMonthly ?? null,
      rates: () => options.rates ?? { overall: null, by: {} },
    },
    farm: options.farm,
    compress: extra.includes('cold'),
    bounds: {
      isHeld: false,
      ofSettings: () => ({ bound, quotas: new Map(), maxAgeMs: null }),
      warning: () => '',
      settle: () => {},
    },
    isLeftOut: () => false,
  });
  const close = () => opened[Symbol.asyncDispose]();
  onTestFinished(close);

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
    copying.copier.request({ file: file(path), priority, medium, tier });
  /** Copies and waits for the end. */
  const copy = async (path: string, to: TierName = 'ssd') => {
    const job = request(path, 'background', 'hdd', to);
    await job.ended;
    return job;
  };
  const seen: { name: keyof EventMap; event: unknown }[] = [];
  events.subscribe((name, event) => seen.push({ name, event }));

  return {
    ...context,
    ...copying,
    dir,
    root,
    catalog,
    tier,
    tiers,
    accounts,
    sources,
    speeds,
    leases,
    handedOut,
    queuedFiles,
    foreseenFiles,
    bound,
    rules,
    workers,
    seen,
    source,
    weights,
    place,
    file,
    request,
    copy,
    close,
  };
}
