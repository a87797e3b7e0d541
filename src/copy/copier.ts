import type { JobView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { EventMap } from '../core/event-map.ts';
import type { Events } from '../core/events.ts';
import { formatBytes } from '../core/format.ts';
import type { Log } from '../core/log.ts';
import type { Copy, Medium } from '../core/types.ts';
import { keepPartial, partialPath } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import { Failures } from './failures.ts';
import { type CopyRequest, Job } from './job.ts';
import { makeRoom, type RoomDeps } from './make-room.ts';
import type { CopyReport } from './messages.ts';
import { Pacer, type Rates } from './pacer.ts';
import { CopyQueue, type QueueLimits, rank } from './queue.ts';
import { Turns } from './turns.ts';
import type { CopyWorkers } from './workers.ts';

export interface CopierDeps extends Omit<RoomDeps, 'outstanding'> {
  tier: Tier;
  workers: CopyWorkers;
  events: Events;
  clock: Clock;
  log: Log;
  limits: QueueLimits;
  rates(): Rates;
  /** Most bytes written in a UTC day, null = no bound. */
  dailyWrites: number | null;
  /** Told after every copy: bytes and the ms spent reading them. */
  onMeasured(source: { root: string; path: string }, bytes: number, readMs: number): void;
}

/** Progress events of one job are at least so far apart, ms. */
const progressEveryMs = 250;
/** Free space is looked at each time so much was copied, bytes. */
const floorCheckBytes = 32 * 1024 * 1024;
/** Ended jobs that are still shown. */
const keepEnded = 50;

/** Background copies: one job a source, however many ask; queue, room, worker, publication. */
export class Copier implements AsyncDisposable {
  readonly #deps: CopierDeps;
  readonly #queue: CopyQueue<Job>;
  readonly #turns: Turns;
  #active = new Map<string, Job>();
  #ended: Job[] = [];
  readonly failures: Failures;
  #nextId: number;
  /** Reservations are made one after the other, so that two jobs do not choose the same victims. */
  #room: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(deps: CopierDeps) {
    this.#deps = deps;
    this.failures = new Failures(deps.clock);
    this.#queue = new CopyQueue(deps.limits);
    this.#turns = new Turns(
      new Pacer(deps.clock, deps.rates),
      () => this.#queue.running,
      (id, paced) => deps.workers.pace(id, paced),
    );
    this.#nextId = deps.catalog.usage.lastJobId() + 1;
  }

  /** Joins the job of this source or queues a new one; raises its priority when this asker's is higher. */
  request(request: CopyRequest): Job {
    const active = this.#active.get(request.file.path);
    if (active) {
      // The source may have been replaced while its copy waited.
      if (active.state === 'queued') active.file = request.file;
      if (rank(request) < rank(active)) {
        active.priority = request.priority;
        setImmediate(() => this.#startNext());
      }
      return active;
    }
    const job = new Job(this.#nextId++, request, this.#deps.clock);
    this.#active.set(request.file.path, job);
    this.#queue.push(job);
    this.#tell('job-queued', job);
    setImmediate(() => this.#startNext());
    return job;
  }

  activeJob(sourcePath: string): Job | undefined {
    return this.#active.get(sourcePath);
  }

  /** Bytes that others have still to copy before a copy from this root that somebody waits for can start. */
  bytesAhead(source: { root: string; medium: Medium }): number {
    const left = this.#queue.before(source).map((job) => job.file.fingerprint.size - job.bytesDone);
    return left.length === 0 ? 0 : Math.min(...left);
  }

  /** Running, waiting, then the last that ended. */
  jobs(): JobView[] {
    return [
      ...this.#queue.running,
      ...[...this.#queue.waiting].sort((a, b) => rank(a) - rank(b)),
      ...this.#ended.toReversed(),
    ].map((job) => job.view());
  }

  counts(): { running: number; queued: number } {
    return { running: this.#queue.running.length, queued: this.#queue.waiting.length };
  }

  /** @throws CacheError NOT_FOUND when no such job is queued or running. */
  cancel(id: number): JobView {
    const job = [...this.#active.values()].find((candidate) => candidate.id === id);
    if (!job) throw new CacheError('NOT_FOUND', `no job ${id} is queued or running`, { hint: 'See `autocached jobs`.' });
    if (this.#queue.remove(id)) this.#end(job, 'cancelled', new CacheError('CANCELLED', 'the copy was cancelled'));
    else {
      job.cancelRequested = true;
      this.#deps.workers.cancel(id);
    }
    return job.view();
  }

  get paused(): boolean {
    return this.#turns.paused;
  }

  /** Copies stand still where they are, and no new one starts, until they are resumed. Not kept over a restart. */
  pause(paused: boolean): void {
    this.#turns.paused = paused;
    this.#deps.log.info(paused ? 'copies are paused' : 'copies go on');
    this.#startNext();
  }

  /** To be called when a rate has changed. */
  reconsider(): void {
    this.#turns.reconsider();
  }

  /** Ends the workers. Jobs stay in the catalog as unfinished, and the next start takes them up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await this.#deps.workers[Symbol.asyncDispose]();
  }

  #startNext(): void {
    const next = () => (this.#stopping || this.paused ? undefined : this.#queue.take());
    for (let job = next(); job; job = next()) {
      const started = job;
      started.start();
      this.#tell('job-started', started);
      this.#run(started)
        .then(() => this.#end(started, 'done', null))
        .catch((thrown: unknown) => {
          const error = started.stopped ?? toCacheError(thrown);
          this.#end(started, error.code === 'CANCELLED' ? 'cancelled' : 'failed', error);
        });
    }
    this.#turns.reconsider();
  }

  async #run(job: Job): Promise<void> {
    const { tier, workers, onMeasured } = this.#deps;
    const { file } = job;
    const copy = await this.#reserve(job);
    const temp = partialPath(tier.partialDir, file.path);
    const network = job.medium === 'nas';
    try {
      assertWanted(job);
      const report = await workers.run(
        { id: job.id, source: file, temp, ...tier.placeOf(file.root, file.rel), network, identity: job.medium !== 'ssd' },
        {
          networkRoot: network ? file.root : null,
          paced: this.#turns.begin(job),
          progress: this.#progress(job),
          resuming: (from) => this.#resuming(job, from),
          ask: (bytes) => this.#turns.ask(job, bytes),
        },
      );
      this.#publish(copy, report, job);
      onMeasured(file, report.bytes - report.resumedFrom, report.readMs);
    } catch (error) {
      if (!this.#stopping) this.#keep(copy, temp);
      throw error;
    }
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
    const { dailyWrites, catalog, clock } = this.#deps;
    if (dailyWrites === null) return;
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    const written = catalog.usage.daily().find(({ day }) => day === today)?.bytesCopied ?? 0;
    const promised = this.#queue.running.reduce((sum, other) => sum + (other.reserved ? other.file.fingerprint.size : 0), 0);
    if (written + promised + job.file.fingerprint.size <= dailyWrites) return;
    throw new CacheError('NOT_ADMITTED', `the day's ${formatBytes(dailyWrites)} of writes leave no room for this copy`, {
      hint: 'AUTOCACHE_DAILY_WRITES bounds them; a new day begins at 00:00 UTC.',
    });
  }

  async #reserve(job: Job): Promise<Copy> {
    const { catalog, tier } = this.#deps;
    const entry = catalog.entries.put(job.file);
    const room = this.#room.then(async () => {
      assertWanted(job);
      this.#assertBudget(job);
      const copy = await makeRoom({ ...this.#deps, outstanding: () => this.#outstanding() }, tier, entry, job.file.fingerprint);
      job.reserved = copy !== null;
      return copy;
    });
    this.#room = room.catch(() => {});
    const copy = await room;
    if (!copy) throw new CacheError('NOT_ADMITTED', 'what would have to leave for it is worth more');
    return copy;
  }

  #publish(copy: Copy, report: CopyReport, job: Job): void {
    const { catalog } = this.#deps;
    catalog.transaction(() => {
      catalog.entries.put({ ...job.file, fingerprint: report.source });
      catalog.copies.publish(copy.id, report);
    });
    job.bytesDone = report.bytes;
  }

  #progress(job: Job): (bytesDone: number) => void {
    let toldAt = Number.NEGATIVE_INFINITY;
    let checkedAt = 0;
    return (bytesDone) => {
      job.bytesDone = bytesDone;
      if (bytesDone - checkedAt >= floorCheckBytes) {
        checkedAt = bytesDone;
        this.#checkFloor(job);
      }
      const now = this.#deps.clock.monotonic();
      if (now - toldAt < progressEveryMs) return;
      toldAt = now;
      this.#deps.events.emit('job-progress', job.view());
    };
  }

  /** Law 3: what another program takes while a copy runs is not taken from the floor by us. */
  #checkFloor(job: Job): void {
    const { tier, bound, workers } = this.#deps;
    if (tier.capacity().free >= bound(tier).floor) return;
    job.stopped ??= new CacheError('NO_SPACE', 'the free space of the cache disk came to its floor while the copy ran', {
      hint: 'Free space on the volume of the cache directory, or lower AUTOCACHE_MIN_FREE.',
    });
    workers.cancel(job.id);
  }

  #outstanding(): number {
    const reserved = this.#queue.running.filter((job) => job.reserved);
    return reserved.reduce((sum, job) => sum + job.file.fingerprint.size - job.bytesDone, 0);
  }

  #end(job: Job, state: 'done' | 'failed' | 'cancelled', error: CacheError | null): void {
    const { path } = job.file;
    this.#deps.catalog.usage.add({ bytesCopied: job.written });
    this.#queue.finished(job.id);
    this.#turns.end(job);
    this.#active.delete(path);
    job.finish(state, error);
    if (this.#stopping) return;
    if (state === 'failed' && error) this.failures.remember(job.file, error);
    else this.failures.forget(path);
    this.#ended = [...this.#ended, job].slice(-keepEnded);
    this.#tell(state === 'done' ? 'job-done' : 'job-failed', job);
    this.#startNext();
  }

  #tell(name: 'job-queued' | 'job-started' | 'job-done' | 'job-failed', job: Job): void {
    const view = job.view();
    this.#deps.catalog.usage.job(view);
    this.#deps.events.emit(name satisfies keyof EventMap, view);
    const level = name === 'job-failed' && job.state === 'failed' ? 'warn' : 'info';
    this.#deps.log[level](
      { path: view.path, bytes: view.bytesTotal, ...(view.error && { code: view.error.code, why: view.error.message }) },
      name,
    );
  }
}

/** @throws CacheError CANCELLED when nobody wants the copy any more. */
function assertWanted(job: Job): void {
  if (job.cancelRequested) throw new CacheError('CANCELLED', 'the copy was cancelled');
}
