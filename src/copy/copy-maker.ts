import { leastSaving } from '../codec/trial.ts';
import type { Clock } from '../core/clock.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Events } from '../core/events.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { formatBytes } from '../core/format.ts';
import type { Log } from '../core/log.ts';
import { type Copy, type Entry, type TierName, underOneLimit } from '../core/types.ts';
import { keepPartial, partialPath } from '../tiers/partial.ts';
import { sealPathOf } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';
import { leaveCold, leaveHot } from './cold.ts';
import type { Job } from './job.ts';
import { makeRoom, type RoomDeps } from './make-room.ts';
import type { CopyReport, OriginCopy } from './messages.ts';
import type { Turns } from './turns.ts';
import type { CopyWorkers } from './workers.ts';

export interface CopyMakerDeps extends Omit<RoomDeps, 'outstanding'> {
  tiers: Record<TierName, Tier | undefined>;
  workers: CopyWorkers;
  events: Events;
  clock: Clock;
  log: Log;
  /** Most bytes written to the SSD in a UTC day, null = no bound. */
  dailyWrites: number | null;
  /** Told after every copy of a source: bytes and the ms spent reading them. */
  onMeasured(source: { root: string; path: string }, bytes: number, readMs: number): void;
  /** The same of a compressed copy, with all the time that restoring it took. */
  onRestored(tier: TierName, bytes: number, ms: number): void;
  /** Takes a copy out of service that turned out not to be what was sealed. */
  onDamaged(copy: Copy, entry: Entry, why: string): void;
  running(): readonly Job[];
  turns: Turns;
  isStopping(): boolean;
}

/** Progress events of one job are at least so far apart, ms. */
const progressEveryMs = 250;
/** Free space is looked at each time so much was copied, bytes. */
const floorCheckBytes = 32 * 1024 * 1024;

/** One copy from its reservation to its row: room, worker, publication. */
export class CopyMaker {
  readonly #deps: CopyMakerDeps;
  /** Reservations are made one after the other, so that two jobs do not choose the same victims. */
  #room: Promise<unknown> = Promise.resolve();

  constructor(deps: CopyMakerDeps) {
    this.#deps = deps;
  }

  /** The fastest copy of the same bytes in another tier, null = the source has to be read. */
  originOf({ file, tier }: Job, only?: TierName): Copy | null {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(file.path);
    const isGood = (copy: Copy) =>
      copy.tier !== tier &&
      (only === undefined || copy.tier === only) &&
      isSameFingerprint(copy.source, file.fingerprint) &&
      copy.seal !== null &&
      tiers[copy.tier]?.check(copy.path, copy.seal) === 'ok';
    return entry ? (catalog.copies.readyOf(entry.id).find(isGood) ?? null) : null;
  }

  /** @throws CacheError as `runCopyJob`, and when there is no room for it */
  async make(job: Job): Promise<void> {
    const tier = this.#tierOf(job.tier);
    const copy = await this.#reserve(job, tier);
    const temp = partialPath(tier.partialDir, job.file.path);
    try {
      const report = job.tier === 'cold' ? await this.#compress(job, tier, temp) : await this.#copy(job, tier, temp);
      this.#publish(copy, report, job);
    } catch (error) {
      if (!this.#deps.isStopping()) this.#keep(copy, temp);
      throw error;
    }
    if (job.tier === 'cold') await leaveHot(this.#deps, copy.entryId);
    if (job.tier === 'ssd') await leaveCold(this.#deps, copy.entryId, 'restored');
  }

  /** From the copy on the SSD; there is no other way into the cold tier. */
  async #compress(job: Job, tier: Tier, temp: string): Promise<CopyReport> {
    const { catalog, onDamaged } = this.#deps;
    const origin = this.originOf(job, 'ssd');
    if (!origin) throw new CacheError('CANCELLED', 'there is no copy to compress any more');
    job.origin = origin;
    try {
      const report = await this.#work(job, tier, temp);
      job.stored = report.seal.size;
      return report;
    } catch (error) {
      const { code, message } = toCacheError(error);
      const entry = catalog.entries.byId(origin.entryId);
      if (code === 'CORRUPT' && entry) onDamaged(origin, entry, message);
      if (code !== 'NOT_ADMITTED') throw error;
      catalog.copies.setDense(origin.id);
      throw new CacheError('CANCELLED', message);
    }
  }

  /** From the fastest copy that is what was sealed, or from the source when there is none. */
  async #copy(job: Job, tier: Tier, temp: string): Promise<CopyReport> {
    const { catalog, onDamaged, onRestored, onMeasured } = this.#deps;
    for (;;) {
      assertWanted(job);
      const origin = this.originOf(job);
      job.origin = origin;
      try {
        const report = await this.#work(job, tier, temp);
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

  #work(job: Job, tier: Tier, temp: string): Promise<CopyReport> {
    const { workers, turns } = this.#deps;
    const { file, origin } = job;
    const network = job.medium === 'nas';
    const order = {
      id: job.id,
      source: origin ? { ...file, fingerprint: origin.source } : file,
      temp,
      ...tier.placeOf(file.root, file.rel),
      origin: origin && this.#placeOf(origin),
      ...(job.tier === 'cold' && { compressInto: job.reserved }),
      network,
      identity: job.medium !== 'ssd',
    };
    return workers.run(order, {
      networkRoot: network ? file.root : null,
      paced: turns.begin(job),
      progress: this.#progress(job, tier),
      resuming: (from) => this.#resuming(job, from),
      ask: (bytes) => turns.ask(job, bytes),
    });
  }

  #placeOf({ tier, path, seal, hash }: Copy): OriginCopy {
    if (!seal || hash === null) throw new Error('a copy in service has no seal');
    return { path, sealPath: sealPathOf(this.#tierOf(tier).dir, path), seal, hash, compressed: tier === 'cold' };
  }

  #tierOf(name: TierName): Tier {
    const tier = this.#deps.tiers[name];
    if (!tier) throw new CacheError('BAD_REQUEST', `the ${name} tier is switched off`);
    return tier;
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

  /** @throws CacheError NOT_ADMITTED: the bound holds for every priority, for the wear is the same; who waits loads from the source. */
  #assertBudget(job: Job): void {
    const { dailyWrites, catalog, clock, running } = this.#deps;
    if (dailyWrites === null || job.tier === 'ram') return;
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    const written = catalog.usage.daily().find(({ day }) => day === today)?.bytesCopied ?? 0;
    const promised = running().reduce((sum, other) => sum + (other.tier === 'ram' ? 0 : other.reserved), 0);
    if (written + promised + bytesFor(job) <= dailyWrites) return;
    throw new CacheError('NOT_ADMITTED', `the day's ${formatBytes(dailyWrites)} of writes leave no room for this copy`, {
      hint: 'AUTOCACHE_DAILY_WRITES bounds them; a new day begins at 00:00 UTC.',
    });
  }

  async #reserve(job: Job, tier: Tier): Promise<Copy> {
    const { catalog } = this.#deps;
    const entry = catalog.entries.put(job.file);
    const room = this.#room.then(async () => {
      assertWanted(job);
      this.#assertBudget(job);
      const copy = await makeRoom(this.#roomDeps(job), tier, this.#needOf(job, entry));
      job.reserved = copy?.bytes ?? 0;
      return copy;
    });
    this.#room = room.catch(() => {});
    const copy = await room;
    if (!copy) throw new CacheError('NOT_ADMITTED', 'what would have to leave for it is worth more');
    return copy;
  }

  #roomDeps(job: Job): RoomDeps {
    const outstanding = (tier: Tier) => this.#outstanding(tier);
    return { ...this.#deps, outstanding, ...(job.tier !== 'cold' && { giveWay: () => this.#endCompressing() }) };
  }

  /** Compressing saves space: nothing that is worth more leaves for it. */
  #needOf(job: Job, entry: Entry): Parameters<typeof makeRoom>[2] {
    const { catalog, policy } = this.#deps;
    const [source, bytes] = [job.file.fingerprint, bytesFor(job)];
    if (job.tier !== 'cold') return { entry, source, bytes };
    return { entry, source, bytes, below: policy().score({ entry, bytes: source.size }, catalog.usage.tick) };
  }

  /** One that waits for its reservation holds nothing, and would wait for us. */
  async #endCompressing(): Promise<void> {
    const compressing = this.#deps.running().filter(({ tier, reserved }) => tier === 'cold' && reserved > 0);
    for (const job of compressing) {
      job.cancelRequested = true;
      this.#deps.workers.cancel(job.id);
    }
    await Promise.all(compressing.map(({ ended }) => ended));
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
    let toldAt = Number.NEGATIVE_INFINITY;
    let checkedAt = 0;
    return (bytesDone) => {
      job.bytesDone = bytesDone;
      if (bytesDone - checkedAt >= floorCheckBytes) {
        checkedAt = bytesDone;
        this.#checkFloor(job, tier);
      }
      const now = this.#deps.clock.monotonic();
      if (now - toldAt < progressEveryMs) return;
      toldAt = now;
      this.#deps.events.emit('job-progress', job.view());
    };
  }

  /** Law 3: what another program takes while a copy runs is not taken from the floor by us. */
  #checkFloor(job: Job, tier: Tier): void {
    const { bound, workers } = this.#deps;
    if (tier.capacity().free >= bound(tier).floor) return;
    job.stopped ??= new CacheError('NO_SPACE', 'the free space of the cache disk came to its floor while the copy ran', {
      hint: 'Free space on the volume of the cache directory, or lower AUTOCACHE_MIN_FREE.',
    });
    workers.cancel(job.id);
  }

  /** Bytes that running copies have reserved on the volume of a tier and not yet written. */
  #outstanding({ name }: Tier): number {
    const beside = this.#deps.running().filter(({ tier, reserved }) => reserved > 0 && underOneLimit[name].includes(tier));
    return beside.reduce((sum, job) => sum + job.unwritten, 0);
  }
}

/** What a job needs of its tier; a compressed form that takes more than that is not worth it. */
function bytesFor({ tier, file }: Job): number {
  const { size } = file.fingerprint;
  return tier === 'cold' ? Math.floor(size * (1 - leastSaving)) : size;
}

/** @throws CacheError CANCELLED when nobody wants the copy any more. */
function assertWanted(job: Job): void {
  if (job.cancelRequested) throw new CacheError('CANCELLED', 'the copy was cancelled');
}
