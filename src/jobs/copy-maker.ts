import { availableParallelism, loadavg } from 'node:os';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Copy, Entry, TierName } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { throttle } from '../runtime/throttle.ts';
import { dropAfterDemote, dropAfterRestore } from '../space/drop-after-move.ts';
import { keepPartial, partialPath } from '../tiers/partial.ts';
import { manifestPathOf } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { CopyOrder, CopyReport, OriginCopy } from '../transfer/messages.ts';
import { equalOrigin, hardLinkCandidates, publishLinked, reflinkCandidates } from './duplicates.ts';
import type { IoScheduler } from './io-scheduler.ts';
import { assertWanted, type Job } from './job.ts';
import { type ReservationDeps, Reservations } from './reservations.ts';
import type { RunOptions } from './workers.ts';

export interface CopyMakerDeps extends ReservationDeps {
  tiers: Tiers;
  events: Events;
  log: Log;
  /** Told after every copy of a source: bytes and the ms spent reading them. */
  onMeasured(source: { root: string; path: string }, bytes: number, readMs: number): void;
  /** The same of a compressed copy, with all the time that restoring it took. */
  onRestored(tier: TierName, bytes: number, ms: number): void;
  /** Takes a copy out of service that turned out not to be what was sealed. */
  onDamaged(copy: Copy, entry: Entry, why: string): void;
  /** Whether finished copies are read back from the disk before they are published. */
  reread(): boolean;
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

  /** The fastest copy of the same bytes, its own in another tier or that of another source; null = the source has to be read. */
  originOf({ file, tier }: Job, only?: TierName): Copy | null {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(file.path);
    if (!entry) return null;
    const elsewhere = (copy: Copy) => copy.tier !== tier && (only === undefined || copy.tier === only);
    const own = tiers.soundCopy(catalog.copies.readyOf(entry.id).filter(elsewhere), file.fingerprint);
    return own ?? (only === undefined ? equalOrigin(entry, file, tier, this.#deps) : null);
  }

  /** @throws CacheError as `runCopyJob`, and when there is no room for it */
  async make(job: Job): Promise<void> {
    const tier = this.#deps.tiers.require(job.tier);
    if (await this.#link(job, tier)) return;
    const copy = await this.#reservations.make(job, tier);
    const temp = partialPath(tier.partialDir, job.file.path);
    try {
      const report = job.tier === 'cold' ? await this.#compress(job, tier) : await this.#copy(job, tier);
      this.#publish(copy, report, job);
    } catch (error) {
      if (!this.#deps.isStopping()) this.#keep(copy, temp);
      throw error;
    }
    if (job.tier === 'cold') await dropAfterDemote(this.#deps, copy.entryId);
    if (job.tier === 'ssd') await dropAfterRestore(this.#deps, copy.entryId, 'restored');
  }

  /** From the copy on the SSD; there is no other way into the cold tier. */
  async #compress(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, workers, onDamaged } = this.#deps;
    const origin = this.originOf(job, 'ssd');
    if (!origin) throw new CacheError('CANCELLED', 'there is no copy to compress any more');
    job.origin = origin;
    try {
      const report = await workers.run(this.#order(job, tier), this.#options(job, this.#progress(job, tier)));
      job.stored = report.seal.size;
      return report;
    } catch (error) {
      const { code, message } = toCacheError(error);
      const entry = catalog.entries.byId(origin.entryId);
      if (code === 'CORRUPT' && entry) onDamaged(origin, entry, message);
      if (code === 'NOT_ADMITTED') catalog.copies.setDense(origin.id);
      else if (code !== 'NO_SPACE') throw error;
      throw new CacheError('CANCELLED', message);
    }
  }

  /** A source that has the bytes of another one: its copy is another name of that one's, nothing is written, no room is needed. */
  async #link(job: Job, tier: Tier): Promise<boolean> {
    const { catalog, log, onMeasured, workers } = this.#deps;
    const twins = tier.name === 'ssd' && !job.origin ? hardLinkCandidates(job.file, tier, catalog) : [];
    if (twins.length === 0) return false;
    assertWanted(job);
    const report = await workers.link({ ...this.#order(job, tier), twins }, this.#options(job, this.#telling(job)));
    if (!report || !(await publishLinked(report, job.file, tier, catalog))) {
      job.bytesDone = 0;
      return false;
    }
    job.linked = true;
    job.bytesDone = report.bytes;
    onMeasured(job.file, report.bytes, report.readMs);
    log.info({ path: job.file.path, of: report.twin.path }, 'the same bytes are there under another name');
    return true;
  }

  /** From the fastest copy that is what was sealed, or from the source when there is none. */
  async #copy(job: Job, tier: Tier): Promise<CopyReport> {
    const { catalog, workers, onDamaged, onRestored, onMeasured } = this.#deps;
    for (;;) {
      assertWanted(job);
      const origin = this.originOf(job);
      job.origin = origin;
      try {
        const report = await workers.run(this.#order(job, tier), this.#options(job, this.#progress(job, tier)));
        if (origin?.tier === 'cold') onRestored(origin.tier, report.bytes, report.readMs);
        if (!origin) onMeasured(job.file, report.bytes - report.resumedFrom, report.readMs);
        return report;
      } catch (error) {
        const entry = origin && catalog.entries.byId(origin.entryId);
        if (!entry || !(error instanceof CacheError) || error.code !== 'CORRUPT') throw error;
        onDamaged(origin, entry, error.message);
        if (this.originOf(job)?.id === origin.id) throw error;
        job.bytesDone = 0;
      }
    }
  }

  #order(job: Job, tier: Tier): CopyOrder {
    const { file, origin, medium } = job;
    const isOwn = origin?.entryId === this.#deps.catalog.entries.byPath(file.path)?.id;
    return {
      id: job.id,
      source: origin && isOwn ? { ...file, fingerprint: origin.source } : file,
      temp: partialPath(tier.partialDir, file.path),
      ...tier.placeOf(file.root, file.rel),
      origin: origin && this.#placeOf(origin),
      alike: origin ? [] : reflinkCandidates(file, tier, this.#deps.catalog),
      ...(job.tier === 'cold' && { compressInto: job.reserved }),
      network: medium === 'nas',
      shared: job.priority === 'background',
      identity: hasTimeForIdentity(job),
      reread: this.#deps.reread(),
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

  #placeOf({ tier, path, seal, hash }: Copy): OriginCopy {
    if (!seal || hash === null) throw new Error('a copy in service has no seal');
    return {
      path,
      manifestPath: manifestPathOf(this.#deps.tiers.require(tier).dir, path),
      seal,
      hash,
      compressed: tier === 'cold',
    };
  }

  /** What an interrupted copy can go on from keeps its place in the accounts. */
  #keep(copy: Copy, temp: string): void {
    const { copies } = this.#deps.catalog;
    const bytes = keepPartial(temp);
    if (bytes > 0) copies.shrink(copy.id, bytes);
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
      tier.name === 'ram'
        ? new CacheError('NO_SPACE', 'memory ran short while the copy was made')
        : new CacheError('NO_SPACE', 'the free space of the cache disk came to its floor while the copy ran', {
            hint: 'Free space on the volume of the cache directory, or lower AUTOCACHE_MIN_FREE.',
          });
    workers.cancel(job.id);
  }
}

/** SHA-256 is not worth a wait: on a busy machine a copy that somebody waits for goes without, and gets it when it is read again. */
function hasTimeForIdentity({ medium, priority }: Job): boolean {
  const busy = (loadavg()[0] ?? 0) > availableParallelism();
  return medium !== 'ssd' && !(priority === 'wait' && busy);
}
