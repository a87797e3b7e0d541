import { join } from 'node:path';
import type { JobView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import { CacheError, type ErrorCode, isRetryable, toCacheError } from '../core/errors.ts';
import type { EventMap } from '../core/event-map.ts';
import type { Events } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Copy, Medium } from '../core/types.ts';
import type { Tier } from '../tiers/tier.ts';
import { type CopyRequest, Job } from './job.ts';
import { makeRoom, type RoomDeps } from './make-room.ts';
import type { CopyReport } from './messages.ts';
import { CopyQueue, type QueueLimits, rank } from './queue.ts';
import type { CopyWorkers } from './workers.ts';

export interface CopierDeps extends Omit<RoomDeps, 'outstanding'> {
  tier: Tier;
  workers: CopyWorkers;
  events: Events;
  clock: Clock;
  log: Log;
  limits: QueueLimits;
  rateFor(medium: Medium): number | null;
  /** Told after every copy: bytes and the ms spent reading them. */
  onMeasured(source: { root: string; path: string }, bytes: number, readMs: number): void;
}

/** Progress events of one job are at least so far apart, ms. */
const progressEveryMs = 250;
/** After a failure the same source is left alone for so long, doubling up to the last, ms. */
const backOffMs = { first: 2000, last: 300_000 };
/** What an outage looks like to a copy: a server that is going away errs on reads, too. */
const outageCodes: ReadonlySet<ErrorCode> = new Set(['SOURCE_AWAY', 'SOURCE_IO']);
/** Ended jobs that are still shown. */
const keepEnded = 50;

/** Background copies: one job a source, however many ask; queue, room, worker, publication. */
export class Copier implements AsyncDisposable {
  readonly #deps: CopierDeps;
  readonly #queue: CopyQueue<Job>;
  #active = new Map<string, Job>();
  #ended: Job[] = [];
  #failures = new Map<string, { error: CacheError; root: string; until: number; waitMs: number }>();
  #nextId: number;
  /** Reservations are made one after the other, so that two jobs do not choose the same victims. */
  #room: Promise<unknown> = Promise.resolve();
  #stopping = false;

  constructor(deps: CopierDeps) {
    this.#deps = deps;
    this.#queue = new CopyQueue(deps.limits);
    this.#nextId = deps.catalog.usage.lastJobId() + 1;
  }

  /** Joins the job of this source or queues a new one; raises its priority when this asker's is higher. */
  request(request: CopyRequest): Job {
    const active = this.#active.get(request.file.path);
    if (active) {
      if (rank(request) < rank(active)) active.priority = request.priority;
      // The source may have been replaced while its copy waited.
      if (active.state === 'queued') active.file = request.file;
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

  /** Why a copy of this source is not tried again yet, or undefined. */
  recentFailure(sourcePath: string): CacheError | undefined {
    const failure = this.#failures.get(sourcePath);
    return failure && failure.until > this.#deps.clock.monotonic() ? failure.error : undefined;
  }

  /** Sources of a root whose copies failed as they do when it is away. They may be tried again from now on. */
  takeAway(root: string): string[] {
    const away = [...this.#failures].filter(([, { error, root: of }]) => outageCodes.has(error.code) && of === root);
    for (const [path, failure] of away) this.#failures.set(path, { ...failure, until: 0 });
    return away.map(([path]) => path);
  }

  /** How long a source is left alone after a failure, from now on, ms. */
  backOffMs(sourcePath: string): number {
    return Math.max(0, (this.#failures.get(sourcePath)?.until ?? 0) - this.#deps.clock.monotonic());
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

  /** Ends the workers. Jobs stay in the catalog as unfinished, and the next start takes them up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await this.#deps.workers[Symbol.asyncDispose]();
  }

  #startNext(): void {
    for (let job = this.#stopping ? undefined : this.#queue.take(); job; job = this.#queue.take()) {
      const started = job;
      started.start();
      this.#tell('job-started', started);
      this.#run(started)
        .then(() => this.#end(started, 'done', null))
        .catch((thrown: unknown) => {
          const error = toCacheError(thrown);
          this.#end(started, error.code === 'CANCELLED' ? 'cancelled' : 'failed', error);
        });
    }
  }

  async #run(job: Job): Promise<void> {
    const { tier, workers, rateFor, bound, onMeasured } = this.#deps;
    const { file } = job;
    const copy = await this.#reserve(job);
    // Ids of copies are used again; a half file that could not be removed must not be in the way of the next.
    const temp = join(tier.partialDir, `${copy.id}-${job.id}.part`);
    try {
      assertWanted(job);
      const place = tier.placeOf(file.root, file.rel);
      const report = await workers.run(
        {
          id: job.id,
          source: file,
          temp,
          ...place,
          rate: rateFor(job.medium),
          floor: bound(tier).floor,
        },
        { networkRoot: job.medium === 'nas' ? file.root : null, progress: this.#progress(job) },
      );
      this.#publish(copy, report, job);
      onMeasured(file, report.bytes, report.readMs);
    } catch (error) {
      await this.#discard(copy, temp);
      throw error;
    }
  }

  /** A worker that was killed has left its half file; what cannot be removed now goes at the next start. */
  async #discard(copy: Copy, temp: string): Promise<void> {
    const { catalog, tier } = this.#deps;
    for (const file of this.#stopping ? [] : [temp, `${temp}.seal`]) await tier.free(file).catch(() => {});
    if (!this.#stopping) catalog.copies.forget(copy.id);
  }

  async #reserve(job: Job): Promise<Copy> {
    const { catalog, tier } = this.#deps;
    const entry = catalog.entries.put(job.file);
    const room = this.#room.then(async () => {
      assertWanted(job);
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
    catalog.usage.add({ bytesCopied: report.bytes });
    job.bytesDone = report.bytes;
  }

  #progress(job: Job): (bytesDone: number) => void {
    let toldAt = Number.NEGATIVE_INFINITY;
    return (bytesDone) => {
      job.bytesDone = bytesDone;
      const now = this.#deps.clock.monotonic();
      if (now - toldAt < progressEveryMs) return;
      toldAt = now;
      this.#deps.events.emit('job-progress', job.view());
    };
  }

  #outstanding(): number {
    const reserved = this.#queue.running.filter((job) => job.reserved);
    return reserved.reduce((sum, job) => sum + job.file.fingerprint.size - job.bytesDone, 0);
  }

  #end(job: Job, state: 'done' | 'failed' | 'cancelled', error: CacheError | null): void {
    const { path } = job.file;
    this.#queue.finished(job.id);
    this.#active.delete(path);
    job.finish(state, error);
    if (this.#stopping) return;
    if (state === 'failed' && error) this.#remember(job.file, error);
    else this.#failures.delete(path);
    this.#ended = [...this.#ended, job].slice(-keepEnded);
    this.#tell(state === 'done' ? 'job-done' : 'job-failed', job);
    this.#startNext();
  }

  #remember({ path, root }: Job['file'], error: CacheError): void {
    const before = this.#failures.get(path);
    const waitMs = isRetryable(error.code)
      ? Math.min((before?.waitMs ?? backOffMs.first / 2) * 2, backOffMs.last)
      : backOffMs.last;
    // A source that changed is asked for by its new fingerprint; waiting would only serve it late.
    if (error.code !== 'SOURCE_CHANGED')
      this.#failures.set(path, { error, root, waitMs, until: this.#deps.clock.monotonic() + waitMs });
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
