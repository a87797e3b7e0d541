import { availableParallelism, loadavg } from 'node:os';
import { CacheError, toCacheError } from '../core/errors.ts';
import { sharesQuota, tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry, TierName } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { throttle } from '../runtime/throttle.ts';
import { dropAfterDemote, dropAfterRestore } from '../space/drop-after-move.ts';
import { keepPartial, partialPath } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { CopyReport, OriginCopy } from '../transfer/messages.ts';
import { equalOrigin, hardLinkCandidates, publishLinked, reflinkCandidates } from './duplicates.ts';
import type { IoScheduler } from './io-scheduler.ts';
import { assertWanted, type Job, type Plan } from './job.ts';
import { type ReservationDeps, Reservations } from './reservations.ts';
import type { RunOptions } from './workers.ts';

/** Learns how fast sources and tiers are. */
export interface MeasuredSpeeds {
  /** After every copy of a source: bytes and the ms spent reading them. */
  copied(source: { root: string; path: string }, bytes: number, readMs: number): void;
  /** The same of a compressed copy, with all the time that restoring it took. */
  restored(tier: TierName, bytes: number, ms: number): void;
}

export interface CopyMakerDeps extends ReservationDeps {
  tiers: Tiers;
  speeds: MeasuredSpeeds;
  /** Takes a copy out of service that turned out not to be what was sealed. */
  onDamaged(copy: Copy, entry: Entry, why: string): void;
  events: Events;
  log: Log;
  turns: IoScheduler;
  isStopping(): boolean;
}

/** Progress events of one job are at least so far apart, ms. */
const progressEveryMs = 250;
/** Free space is looked at each time so much was copied, bytes. */
const floorCheckBytes = 32 * 1024 * 1024;

/** One copy from its reservation to its row: room, worker, publication. */
export class CopyMaker {
  readonly #deps: CopyMakerDeps;
  readonly #reservations: Reservations;

  constructor(deps: CopyMakerDeps) {
    this.#deps = deps;
    this.#reservations = new Reservations(deps);
  }

  /** How a copy is made as things are now. */
  planOf(job: Job): Plan {
    const origin = this.#originOf(job);
    if (tierTraits[job.tier].form === 'compressed') return { kind: 'compress', origin };
    return origin ? { kind: 'restore', origin } : { kind: 'copy' };
  }

  /** The fastest copy of the same bytes, its own in another tier or that of another source; null = there is none. */
  #originOf({ file, tier }: Job): Copy | null {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(file.path);
    if (!entry) return null;
    const isCompressing = tierTraits[tier].form === 'compressed';
    // What is compressed takes the place of the copy that it is made of.
    const suits = (copy: Copy) =>
      copy.tier !== tier && (!isCompressing || (copy.form === 'plain' && sharesQuota(copy.tier, tier)));
    const own = tiers.soundCopy(catalog.copies.readyOf(entry.id).filter(suits), file.fingerprint);
    return own ?? (isCompressing ? null : equalOrigin(entry, file, tier, this.#deps));
  }

  /** @throws CacheError as `runCopyJob`, and when there is no room for it */
  async make(job: Job): Promise<void> {
    const tier = this.#deps.tiers.require(job.tier);
    if (this.#isMade(job)) return;
    if (await this.#link(job, tier)) return;
    const copy = await this.#reservations.make(job, tier);
    const temp = partialPath(tier.partialDir, job.file.path);
    try {
      const report = await (job.kind === 'compress' ? this.#compress(job, tier) : this.#copy(job, tier));
      this.#publish(copy, report, job);
    } catch (error) {
      if (!this.#deps.isStopping()) this.#keep(copy, temp);
      throw error;
    }
    if (job.kind === 'compress') await dropAfterDemote(this.#deps, copy);
    else await dropAfterRestore(this.#deps, copy, 'restored');
  }

  /** It may have been found among what a crash left while its job waited; then there is nothing to write. */
  #isMade(job: Job): boolean {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(job.file.path);
    const made = entry ? catalog.copies.readyOf(entry.id).filter(({ tier }) => tier === job.tier) : [];
    if (!tiers.soundCopy(made, job.file.fingerprint)) return false;
    job.plan = { kind: 'link' };
    job.bytesDone = job.file.fingerprint.size;
    return true;
  }

  /** A source that has the bytes of another one: its copy is another name of that one's, nothing is written, no room is needed. */
  async #link(job: Job, tier: Tier): Promise<boolean> {
    const { catalog, log, speeds, workers } = this.#deps;
    const mayBe = job.kind === 'copy' && tierTraits[tier.name].links;
    const candidates = mayBe ? hardLinkCandidates(job.file, tier, catalog) : [];
    if (candidates.length === 0) return false;
    assertWanted(job);
    job.plan = { kind: 'link' };
    const order = { ...this.#order(job, tier), ...howToRead(job), kind: 'link', candidates } as const;
    const report = await workers.run(order, this.#options(job, this.#telling(job)));
    if (!report || !(await publishLinked(report, job.file, tier, catalog))) {
      job.plan = { kind: 'copy' };
      job.bytesDone = 0;
      return false;
    }
    job.bytesDone = report.bytes;
    speeds.copied(job.file, report.bytes, report.readMs);
    log.info({ path: job.file.path, of: report.twin.path }, 'the same bytes are there under another name');
    return true;
  }

  /** From the fastest copy that is what was sealed, or from the source when there is none. */
  async #copy(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, onDamaged } = this.#deps;
    for (;;) {
      assertWanted(job);
      const origin = this.#originOf(job);
      job.plan = origin ? { kind: 'restore', origin } : { kind: 'copy' };
      try {
        return await (origin ? this.#restore(job, tier, origin) : this.#copySource(job, tier));
      } catch (error) {
        const entry = origin && catalog.entries.byId(origin.entryId);
        if (!entry || !(error instanceof CacheError) || error.code !== 'CORRUPT') throw error;
        onDamaged(origin, entry, error.message);
        if (this.#originOf(job)?.id === origin.id) throw error;
        job.bytesDone = 0;
      }
    }
  }

  async #copySource(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, workers, speeds, options } = this.#deps;
    const order = {
      ...this.#order(job, tier),
      ...howToRead(job),
      kind: 'copy',
      reflinkCandidates: reflinkCandidates(job.file, tier, catalog),
      identity: hasTimeForIdentity(job),
      reread: options.reread(),
    } as const;
    const report = await workers.run(order, this.#options(job, this.#progress(job, tier)));
    speeds.copied(job.file, report.bytes - report.resumedFrom, report.readMs);
    return report;
  }

  async #restore(job: Job, tier: Tier, origin: Copy): Promise<CopyReport> {
    const { workers, speeds, options } = this.#deps;
    const order = {
      ...this.#order(job, tier),
      kind: 'restore',
      origin: this.#placeOf(origin),
      reread: options.reread(),
    } as const;
    const report = await workers.run(order, this.#options(job, this.#progress(job, tier)));
    if (origin.form === 'compressed') speeds.restored(origin.tier, report.bytes, report.readMs);
    return report;
  }

  async #compress(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, workers, onDamaged } = this.#deps;
    const origin = this.#originOf(job);
    if (!origin) throw new CacheError('CANCELLED', 'there is no copy to compress any more');
    job.plan = { kind: 'compress', origin };
    const order = { ...this.#order(job, tier), kind: 'compress', origin: this.#placeOf(origin), into: job.reserved } as const;
    try {
      const report = await workers.run(order, this.#options(job, this.#progress(job, tier)));
      job.stored = report.seal.size;
      return report;
    } catch (error) {
      const { code, message } = toCacheError(error);
      const entry = catalog.entries.byId(origin.entryId);
      if (code === 'CORRUPT' && entry) onDamaged(origin, entry, message);
      if (code === 'NOT_ADMITTED') catalog.placements.setDense(origin.placement);
      else if (code !== 'NO_SPACE') throw error;
      throw new CacheError('CANCELLED', message);
    }
  }

  /** What the orders of all kinds say; its own copy is of the source as it was then. */
  #order({ id, file, origin }: Job, tier: Tier) {
    const isOwn = origin?.entryId === this.#deps.catalog.entries.byPath(file.path)?.id;
    return {
      id,
      source: origin && isOwn ? { ...file, fingerprint: origin.source } : file,
      temp: partialPath(tier.partialDir, file.path),
      ...tier.placeOf(file.root, file.rel),
    };
  }

  #options(job: Job, progress: RunOptions['progress']): RunOptions {
    const { turns } = this.#deps;
    return {
      networkRoot: job.medium === 'nas' ? job.file.root : null,
      paced: turns.begin(job),
      urgent: job.priority === 'wait',
      progress,
      resuming: (from) => this.#resuming(job, from),
      ask: (bytes) => turns.ask(job, bytes),
    };
  }

  #placeOf({ tier, path, form, seal, hash }: Copy): OriginCopy {
    if (!seal || hash === null) throw new Error('a copy in service has no seal');
    return { path, manifestPath: this.#deps.tiers.require(tier).manifestPathOf(path), form, seal, hash };
  }

  /** What an interrupted copy can go on from keeps its place in the accounts. */
  #keep(copy: Copy, temp: string): void {
    const { copies, placements } = this.#deps.catalog;
    const bytes = keepPartial(temp);
    if (bytes > 0) placements.shrink(copy.placement, bytes);
    else copies.forget(copy.id);
  }

  #resuming(job: Job, from: number): void {
    job.resumedFrom = from;
    job.bytesDone = from;
    this.#deps.log.info({ path: job.file.path, from, bytes: job.file.fingerprint.size }, 'resuming');
  }

  #publish(copy: Copy, report: CopyReport, job: Job): void {
    const { catalog } = this.#deps;
    catalog.transaction(() => {
      catalog.entries.put({ ...job.file, fingerprint: report.source });
      catalog.copies.publish(copy.id, report);
    });
    job.bytesDone = report.bytes;
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

  /** Law 3: what another program takes while a copy runs is not taken from the floor by us. */
  #checkFloor(job: Job, tier: Tier): void {
    const { bound, workers } = this.#deps;
    if (tier.capacity().free >= bound(tier).floor) return;
    job.stopped ??=
      tierTraits[tier.name].quota.resource === 'memory'
        ? new CacheError('NO_SPACE', 'memory ran short while the copy was made')
        : new CacheError('NO_SPACE', 'the free space of the cache disk came to its floor while the copy ran', {
            hint: 'Free space on the volume of the cache directory, or lower AUTOCACHE_MIN_FREE.',
          });
    workers.cancel(job.id);
  }
}

function howToRead({ medium, priority }: Job): { network: boolean; shared: boolean } {
  return { network: medium === 'nas', shared: priority === 'background' };
}

/** SHA-256 is not worth a wait: on a busy machine a copy that somebody waits for goes without, and gets it when it is read again. */
function hasTimeForIdentity({ medium, priority }: Job): boolean {
  const busy = (loadavg()[0] ?? 0) > availableParallelism();
  return medium !== 'ssd' && !(priority === 'wait' && busy);
}
