import { availableParallelism, loadavg } from 'node:os';
import { relative, sep } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { StoreOrigin } from '../core/remote.ts';
import { type Copy, defaultTier, type Fingerprint, type Medium, type SourceFile, type TierName } from '../core/types.ts';
import type { FarmNote, FarmOrder } from '../farm/farm-order.ts';
import { isNetwork } from '../media/medium.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { throttle } from '../runtime/throttle.ts';
import { type Bound, whyToStop } from '../space/make-room.ts';
import { partialPath } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type {
  CopyReport,
  DeriveReport,
  DeriveTask,
  DuplicateCopy,
  LinkReport,
  OriginCopy,
  ProbeOrder,
} from '../transfer/messages.ts';
import { reflinkCandidates } from './duplicates.ts';
import type { IoScheduler } from './io-scheduler.ts';
import type { Job } from './job.ts';
import type { CopyOptions } from './options.ts';
import type { Adoption } from './plan.ts';
import { RemoteBudget, type RemoteBudgetDeps } from './remote-budget.ts';
import type { CopyWorkers, RunOptions } from './workers.ts';

/** Learns the speed of sources and tiers. */
export interface MeasuredSpeeds {
  /** After every copy of a source: bytes and the ms spent reading them. */
  copied(source: { root: string; path: string }, bytes: number, readMs: number): void;
  /** The same for a compressed copy, with the whole time of its restore. */
  restored(tier: TierName, bytes: number, ms: number): void;
}

/** The other hosts, as far as copies need them. */
export interface FarmHelp {
  /** How the farm helps with a copy of this source; null = not at all. */
  orderFor(file: SourceFile, medium: Medium): FarmOrder | null;
  /** Whether other hosts are present now. */
  readonly hasOthers: boolean;
  /** The known content of a source, which other hosts can give without the source; null = too little is known. */
  heldByOthers(path: string): { fingerprint: Fingerprint; content: string; hash: string } | null;
  /** Told of a copy that will lie at `path`. Resolves when others can read the noted chunks. */
  note(copy: { file: SourceFile; path: string }, note: FarmNote): Promise<void>;
  /** A program is about to load the copy of this source: other hosts have lower priority for as long as that takes. */
  loading(path: string): void;
  /** Whether the farm keeps this copy while other copies can leave. */
  spares(copyPath: string): boolean;
  /** That copy was not finished. */
  failed(copy: { file: SourceFile; path: string }): void;
}

export interface CopyRunnerDeps {
  /** Null or absent without a farm. */
  farm?: FarmHelp | null | undefined;
  catalog: Catalog;
  tiers: Tiers;
  workers: CopyWorkers;
  turns: IoScheduler;
  speeds: MeasuredSpeeds;
  sources: RemoteBudgetDeps['sources'];
  options: CopyOptions;
  bound(tier: Tier): Bound;
  clock: Clock;
  events: Events;
  log: Log;
}

/** Progress events of one job are at least this far apart, ms. */
const progressEveryMs = 250;
/** Free space is checked once per this many bytes copied. */
const floorCheckBytes = 32 * 1024 * 1024;

/** Has a worker do a job's work: one method for each kind. @throws CacheError as `CopyWorkers.run` */
export class CopyRunner {
  readonly #deps: CopyRunnerDeps;
  readonly #budget: RemoteBudget;

  constructor(deps: CopyRunnerDeps) {
    this.#deps = deps;
    this.#budget = new RemoteBudget(deps);
  }

  /** Checks the monthly limit on bytes read from a remote. @throws CacheError NOT_ADMITTED */
  assertWithinBudget(job: Job): void {
    this.#budget.assertWithin(job);
  }

  /** Finds out whether the source can be read, before anything leaves for its copy. */
  probe(job: Job, reads: ProbeOrder['reads']): Promise<void> {
    const { id, file, medium, priority } = job;
    const network = isNetwork(medium);
    const remote = this.#deps.sources.remoteOf(file.root);
    const quiet = { paced: false, progress: () => {}, resuming: () => {}, ask: async () => {} };
    return this.#deps.workers.probe(
      { id, source: file, network, remote, reads },
      {
        ...quiet,
        networkRoot: network ? file.root : null,
        light: job.isLight,
        urgent: priority === 'wait',
      },
    );
  }

  async copy(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, workers, speeds, options } = this.#deps;
    const order = {
      ...this.#order(job, tier),
      ...this.#howToRead(job),
      kind: 'copy',
      // Sharing the blocks of a small file costs more than it saves.
      reflinkCandidates: job.isSmall ? [] : reflinkCandidates(job.file, tier, catalog),
      identity: hasTimeForIdentity(job),
      reread: options.reread(),
    } as const;
    const help = this.#help(job, tier);
    try {
      const run = { ...this.#options(job, this.#progress(job, tier)), ...(help && { farm: help.note }) };
      const report = await workers.run({ ...order, ...(help && { farm: help.order }) }, run);
      const read = report.farm?.originBytes ?? report.bytes - report.resumedFrom;
      if (read > 0) speeds.copied(job.file, read, report.readMs);
      return report;
    } catch (error) {
      help?.failed();
      throw error;
    }
  }

  /** All hosts of the farm read a network source together; null for any other source. */
  #help(job: Job, tier: Tier): { order: FarmOrder; note(note: FarmNote): Promise<void>; failed(): void } | null {
    const { farm } = this.#deps;
    const order = isNetwork(job.medium) && tier.name === defaultTier ? farm?.orderFor(job.file, job.medium) : null;
    if (!farm || !order) return null;
    const copy = { file: job.file, path: tier.placeOf(job.file.root, job.file.rel).path };
    // The worker knows separately whether a program waits for the copy.
    const priority = job.priority === 'wait' ? 'background' : job.priority;
    const helped = { ...order, away: job.others, priority };
    return { order: helped, note: (note) => farm.note(copy, note), failed: () => farm.failed(copy) };
  }

  /** Whether other hosts may give some of its bytes, or take them from here. */
  isShared(job: Job, tier: Tier): boolean {
    return this.#deps.farm?.hasOthers === true && this.#help(job, tier) !== null;
  }

  /** Copies from the shared store; the source is not touched. */
  async fromStore(job: Job, tier: Tier, store: StoreOrigin): Promise<CopyReport> {
    const { workers, options } = this.#deps;
    const how = { kind: 'copy', network: true, shared: false, slow: false, reflinkCandidates: [], identity: true } as const;
    const order = { ...this.#order(job, tier), ...how, store, reread: options.reread() };
    // A separate process serves the store, because a process that reads a source may hang on it.
    const run = { ...this.#options(job, this.#progress(job, tier)), networkRoot: 'the shared store' };
    return workers.run(order, run);
  }

  /** Null when no candidate has the bytes of the source. */
  async link(job: Job, tier: Tier, candidates: readonly DuplicateCopy[]): Promise<LinkReport | null> {
    const { workers, speeds } = this.#deps;
    const order = { ...this.#order(job, tier), ...this.#howToRead(job), kind: 'link', candidates } as const;
    const report = await workers.run(order, this.#options(job, this.#telling(job)));
    if (report) speeds.copied(job.file, report.bytes, report.readMs);
    return report;
  }

  /** @throws CacheError CONFLICT when the file has not the source's bytes, or cannot be taken in that way */
  async adopt(job: Job, tier: Tier, { from, way }: Adoption): Promise<CopyReport> {
    const { workers, speeds } = this.#deps;
    const how = { kind: 'adopt', from, way, identity: hasTimeForIdentity(job) } as const;
    const order = { ...this.#order(job, tier), ...this.#howToRead(job), ...how };
    const report = await workers.run(order, this.#options(job, this.#telling(job)));
    speeds.copied(job.file, report.bytes, report.readMs);
    return report;
  }

  async restore(job: Job, tier: Tier, origin: Copy): Promise<CopyReport> {
    const { workers, speeds, options } = this.#deps;
    const reread = options.reread();
    const order = { ...this.#order(job, tier), kind: 'restore', origin: this.#placeOf(origin), reread } as const;
    const report = await workers.run(order, this.#options(job, this.#progress(job, tier)));
    if (origin.form === 'compressed') speeds.restored(origin.tier, report.bytes, report.readMs);
    return report;
  }

  /** @param bases paths of compressed files of the tier that it may stand on */
  async compress(job: Job, tier: Tier, { origin, bases }: { origin: Copy; bases: readonly string[] }): Promise<CopyReport> {
    const order = {
      ...this.#order(job, tier),
      kind: 'compress',
      origin: this.#placeOf(origin),
      into: job.reserved,
      mayStandOn: bases.map((path) => ({ path, file: fileIn(tier, path) })),
    } as const;
    const report = await this.#deps.workers.run(order, this.#options(job, this.#progress(job, tier)));
    job.stored = report.seal.size;
    return report;
  }

  async derive(job: Job, tier: Tier, what: DeriveTask): Promise<DeriveReport> {
    const order = {
      ...what,
      kind: 'derive',
      id: job.id,
      source: job.file,
      temp: partialPath(tier.partialDir, what.path),
      ...(tier.dir !== undefined && { claimed: tier.dir }),
      into: job.reserved,
    } as const;
    const report = await this.#deps.workers.run(order, this.#options(job, this.#progress(job, tier)));
    job.stored = report.bytes;
    return report;
  }

  /** The part common to all orders. An origin of this source keeps its own fingerprint. */
  #order({ id, file, origin }: Job, tier: Tier) {
    const isOwn = origin?.entryId === this.#deps.catalog.entries.byPath(file.path)?.id;
    return {
      id,
      source: origin && isOwn ? { ...file, fingerprint: origin.source } : file,
      temp: partialPath(tier.partialDir, file.path),
      ...tier.placeOf(file.root, file.rel),
      ...(tier.dir !== undefined && { claimed: tier.dir }),
    };
  }

  /** A copy that gives way to a loading program finds its bytes in the page cache afterwards; only others read along with it. */
  #howToRead({ file, medium, priority }: Job) {
    const shared = priority === 'background' && !this.#deps.options.polite();
    return { network: isNetwork(medium), remote: this.#deps.sources.remoteOf(file.root), shared, slow: medium === 'hdd' };
  }

  #placeOf({ tier, path, form, seal, hash }: Copy): OriginCopy {
    if (!seal || hash === null) throw new Error('a copy in service has no seal');
    return { path, manifestPath: this.#deps.tiers.require(tier).manifestPathOf(path), form, seal, hash };
  }

  #options(job: Job, progress: RunOptions['progress']): RunOptions {
    const { turns } = this.#deps;
    return {
      // A process that may hang on the source must not serve bytes of other hosts.
      networkRoot: isNetwork(job.medium) ? `${job.file.root}${job.others ? ' by others' : ''}` : null,
      light: job.isLight,
      paced: turns.begin(job),
      urgent: job.priority === 'wait',
      progress,
      resuming: (from) => this.#resuming(job, from),
      ask: (bytes, from) => turns.ask(job, bytes, from),
    };
  }

  #resuming(job: Job, from: number): void {
    job.resumedFrom = from;
    job.bytesDone = from;
    this.#deps.log.info({ path: job.file.path, from, bytes: job.file.fingerprint.size }, 'resuming');
  }

  #progress(job: Job, tier: Tier): (bytesDone: number) => void {
    const tell = this.#telling(job);
    let checkedAt = 0;
    return (bytesDone) => {
      if (bytesDone - checkedAt >= floorCheckBytes) {
        checkedAt = bytesDone;
        this.#checkFloor(job, tier);
      }
      tell(bytesDone);
    };
  }

  #telling(job: Job): (bytesDone: number) => void {
    const { clock, events } = this.#deps;
    const tell = throttle(progressEveryMs, clock, () => events.emit('job-progress', job.view()));
    return (bytesDone) => {
      job.bytesDone = bytesDone;
      tell();
    };
  }

  #checkFloor(job: Job, tier: Tier): void {
    const why = whyToStop(tier, this.#deps.bound(tier));
    if (why === null) return;
    job.stopped ??= why;
    this.#deps.workers.cancel(job.id);
  }
}

function fileIn({ dir = '' }: Tier, path: string): string {
  return relative(dir, path).replaceAll(sep, '/');
}

/** SHA-256 is not worth a wait: on a busy machine an awaited copy goes without it, and gets it at its next verification. */
function hasTimeForIdentity({ medium, priority }: Job): boolean {
  const busy = (loadavg()[0] ?? 0) > availableParallelism();
  return medium !== 'ssd' && !(priority === 'wait' && busy);
}
