import { basename } from 'node:path';
import type { JobView } from '../api/api.ts';
import type { EventMap } from '../api/event-map.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type Copy, defaultTier, type Entry, type Medium, type TierName, type WantedFile } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { SpaceDeps } from '../space/make-room.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { ActiveJobs } from './active-jobs.ts';
import { CopyMaker, type CopyMakerDeps } from './copy-maker.ts';
import type { MeasuredSpeeds } from './copy-runner.ts';
import { DiskContention } from './disk-contention.ts';
import { Failures } from './failures.ts';
import { IoScheduler } from './io-scheduler.ts';
import { type CopyRequest, Job, type Standing, theCache } from './job.ts';
import type { CopyOptions } from './options.ts';
import { planOf } from './plan.ts';
import { CopyQueue, inOrder, rank } from './queue.ts';
import { RateLimiter } from './rate-limiter.ts';
import { ToldStandings } from './told-standings.ts';
import type { CopyWorkers } from './workers.ts';

export interface CopierDeps extends SpaceDeps, Pick<CopyMakerDeps, 'farm' | 'sharedStore' | 'variantsLimit'> {
  tiers: Tiers;
  /** Copies queue until everything in the tiers is accounted for; the event `accounting` tells. */
  accounts: CopyMakerDeps['accounts'] & { readonly complete: boolean };
  workers: CopyWorkers;
  active: ActiveJobs;
  speeds: MeasuredSpeeds;
  sources: {
    /** The disks of a source by the kernel's names, joined by `+`; null when unknown. */
    diskOf(path: string): string | null;
    /** The medium of a source itself; null below no root. */
    mediumOf(path: string): Promise<Medium | null>;
  } & Pick<CopyMakerDeps['sources'], 'remoteOf' | 'stat'>;
  /** The disks of the cache directory, as `sources.diskOf`. */
  cacheDisk(): string | null;
  options: CopyOptions;
  /** Takes a copy that did not match its seal out of service. */
  onDamaged(copy: Copy, entry: Entry, why: string): void;
  events: Events;
  log: Log;
  clock: Clock;
}

/** Number of ended jobs still listed. */
const keepEnded = 50;
/** Errors of copies that found no room. */
const noRoom: readonly string[] = ['TOO_LARGE', 'NO_SPACE', 'NOT_ADMITTED'];

/** Background copies and variants: one job for a source and a tier, or a variant, for any number of requests; `CopyMaker` does the work. */
export class Copier implements AsyncDisposable {
  readonly #deps: CopierDeps;
  readonly #queue: CopyQueue<Job>;
  readonly #foreign: DiskContention;
  readonly #turns: IoScheduler;
  #ended: Job[] = [];
  readonly failures: Failures;
  #nextId: number;
  readonly #maker: CopyMaker;
  readonly #unsubscribe: () => void;
  #stopping = false;
  #willStart = false;
  readonly #told: ToldStandings;

  constructor(deps: CopierDeps) {
    this.#deps = deps;
    this.failures = new Failures(deps.clock);
    this.#told = new ToldStandings(deps);
    const { clock, sources, options } = deps;
    this.#queue = new CopyQueue(options.limits);
    this.#foreign = new DiskContention({
      clock,
      polite: options.polite,
      diskOf: (path) => (path === theCache.disk ? deps.cacheDisk() : sources.diskOf(path)),
      onChange: () => this.reconsider(),
    });
    this.#turns = new IoScheduler(
      new RateLimiter(clock, options.rates),
      this.#foreign,
      () => this.#queue.running,
      (id, paced) => deps.workers.pace(id, paced),
    );
    this.#maker = new CopyMaker({
      ...deps,
      running: () => this.#queue.running,
      turns: this.#turns,
      hasFailedReading: ({ file, tier }) => this.failures.last(file.path, tier)?.code === 'SOURCE_IO',
      isStopping: () => this.#stopping,
    });
    this.#nextId = deps.catalog.usage.lastJobId() + 1;
    this.#unsubscribe = deps.events.subscribe((name) => name === 'accounting' && this.#startNext());
  }

  /** Joins the job of this source and tier or queues a new one; raises its priority if this request's is higher. */
  request(request: CopyRequest): Job {
    const job = this.#requested(request);
    const { file, priority, tier = defaultTier } = request;
    // The program was given the source's path and reads from it. Its bytes are then copied out of the page cache.
    if (priority === 'background' && tier === defaultTier) this.#foreign.expectLoad(file);
    return job;
  }

  /** Called when no program waits for the job: each loads the source itself, or has ended. */
  #givenUp(job: Job): void {
    if (job.priority !== 'wait' || (job.state !== 'queued' && job.state !== 'running')) return;
    job.priority = 'background';
    this.#deps.workers.hurry(job.id, false);
    this.reconsider();
    this.#foreign.expectLoad(job.file);
    this.#startSoon();
  }

  #requested(request: CopyRequest): Job {
    const { variant } = request;
    const active = this.#deps.active.wanted(request);
    if (active) {
      // The source may have been replaced while its job waited.
      if (active.state === 'queued') active.file = request.file;
      if (rank(request) < rank(active)) {
        active.priority = request.priority;
        if (active.priority === 'wait') this.#deps.workers.hurry(active.id, true);
        this.#startSoon();
      }
      return active;
    }
    const job = new Job(
      this.#nextId++,
      { ...request, disk: this.#diskOf(request.file) },
      this.#deps.clock,
      (of) => this.#standingOf(of),
      (given) => this.#givenUp(given),
    );
    if (variant) job.plan = { kind: 'derive', variant };
    else job.plan = request.adoption ? { kind: 'adopt', ...request.adoption } : planOf(job, this.#deps);
    this.#deps.active.add(job);
    this.#queue.push(job);
    this.#tell('job-queued', job);
    this.#startSoon();
    return job;
  }

  variantJob(path: string): Job | undefined {
    return this.#deps.active.ofVariant(path);
  }

  activeJob(sourcePath: string, tier: TierName = defaultTier): Job | undefined {
    return this.#deps.active.of(sourcePath, tier);
  }

  /** Bytes left to copy before a copy from this root, or a restore, with priority `wait` can start. */
  bytesAhead(source: Pick<WantedFile, 'path' | 'root' | 'medium'>, restore = false): number {
    const left = this.#queue
      .before(restore ? theCache : { medium: source.medium, disk: this.#diskOf(source) })
      .map((job) => job.file.fingerprint.size - job.bytesDone);
    return left.length === 0 ? 0 : Math.min(...left);
  }

  /** Running jobs, waiting jobs, then the last ended ones. */
  jobs(): JobView[] {
    return [...this.#queue.running, ...[...this.#queue.waiting].sort(inOrder), ...this.#ended.toReversed()].map((job) =>
      job.view(),
    );
  }

  counts(): { running: number; queued: number } {
    return { running: this.#queue.running.length, queued: this.#queue.waiting.length };
  }

  /** @throws CacheError NOT_FOUND when no such job is queued or running. */
  cancel(id: number): JobView {
    const job = this.#deps.active.byId(id);
    if (!job) throw new CacheError('NOT_FOUND', `no job ${id} is queued or running`, { hint: 'See `autocached jobs`.' });
    if (this.#queue.remove(id)) this.#end(job, 'cancelled', new CacheError('CANCELLED', 'the copy was cancelled'));
    else {
      job.cancelRequested = true;
      this.#deps.workers.cancel(id);
    }
    return job.view();
  }

  /**
   * Puts a waiting job before all others but those that a program waits for; jobs of other sources may still start earlier.
   * @throws CacheError NOT_FOUND when no such job waits
   */
  raise(id: number): JobView {
    const job = this.#queue.waiting.find((waiting) => waiting.id === id);
    if (!job) throw new CacheError('NOT_FOUND', `no job ${id} is queued`, { hint: 'See `autocached jobs`.' });
    if (job.priority !== 'wait') job.priority = 'prefetch';
    const beside = this.#queue.waiting.filter(({ priority }) => priority === job.priority);
    job.turn = Math.min(...beside.map(({ turn }) => turn)) - 1;
    this.#deps.log.info({ path: job.file.path }, 'copy raised');
    this.#deps.events.emit('job-progress', job.view());
    this.#startSoon();
    return job.view();
  }

  get paused(): boolean {
    return this.#turns.paused;
  }

  /** Running copies stop where they are, and no new one starts, until they are resumed. Not kept over a restart. */
  pause(paused: boolean): void {
    this.#turns.paused = paused;
    this.#deps.log.info(paused ? 'copying is paused' : 'copying is resumed');
    this.#startNext();
  }

  /** To be called when a rate has changed, or the setting to give way. */
  reconsider(): void {
    this.#turns.reconsider();
    this.#told.tell(this.#queue.running);
  }

  #standingOf(job: Job): Standing {
    if (job.state === 'running') return this.#turns.standingOf(job);
    if (this.paused) return { status: 'paused' };
    if (!this.#deps.accounts.complete) return { status: 'accounting' };
    const [first, ...more] = this.#queue.running;
    if (!first) return { status: 'queued' };
    const others = more.length > 0 ? ` and ${more.length} more` : '';
    return { status: 'queued', why: `waits behind ${basename(first.file.path)}${others}` };
  }

  /** Ends the workers. Jobs stay in the catalog as unfinished, and the next start resumes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#unsubscribe();
    this.#foreign[Symbol.dispose]();
    await this.#deps.workers[Symbol.asyncDispose]();
  }

  /** A network share has no disk here: each of its roots counts for itself. */
  #diskOf({ path, root }: Pick<WantedFile, 'path' | 'root'>): string {
    return this.#deps.sources.diskOf(path) ?? root;
  }

  /** Runs once for all requests and ends of one turn of the loop, because each run scans all waiting jobs. */
  #startSoon(): void {
    if (this.#willStart) return;
    this.#willStart = true;
    setImmediate(() => {
      this.#willStart = false;
      this.#startNext();
    });
  }

  #startNext(): void {
    const mayStart = () => !this.#stopping && !this.paused && this.#deps.accounts.complete;
    const next = () => (mayStart() ? this.#queue.take() : undefined);
    for (let job = next(); job; job = next()) {
      const started = job;
      started.start();
      this.#tell('job-started', started);
      this.#maker
        .make(started)
        .then(() => this.#end(started, 'done', null))
        .catch((thrown: unknown) => {
          const error = started.stopped ?? toCacheError(thrown);
          this.#end(started, error.code === 'CANCELLED' ? 'cancelled' : 'failed', error);
        });
    }
    this.reconsider();
  }

  #end(job: Job, state: 'done' | 'failed' | 'cancelled', error: CacheError | null): void {
    if (tierTraits[job.tier].wears) this.#deps.catalog.usage.add({ bytesCopied: job.written });
    this.#queue.finished(job.id);
    this.#turns.end(job);
    this.#deps.active.delete(job);
    job.finish(state, error);
    if (this.#stopping) return;
    const isCopy = job.kind !== 'derive';
    if (error && isCopy && noRoom.includes(error.code))
      this.#deps.catalog.usage.tiers.add(job.tier, job.file.path, { rejected: 1 });
    // A file of another cache that did not fit says nothing about the source.
    if (state === 'failed' && error && isCopy && job.kind !== 'adopt') this.failures.remember(job, error);
    else if (isCopy) this.failures.forget(job);
    this.#ended = [...this.#ended, job].slice(-keepEnded);
    this.#tell(state === 'done' ? 'job-done' : 'job-failed', job);
    this.#startSoon();
  }

  #tell(name: 'job-queued' | 'job-started' | 'job-done' | 'job-failed', job: Job): void {
    const view = job.view();
    // The next start copies unfinished jobs to this tier; variants have rows of their own.
    if (job.tier === defaultTier && job.kind !== 'adopt' && job.kind !== 'derive') this.#deps.catalog.usage.job(view);
    this.#deps.events.emit(name satisfies keyof EventMap, view);
    const level = name === 'job-failed' && job.state === 'failed' ? 'warn' : 'info';
    this.#deps.log[level](
      {
        path: view.path,
        tier: view.tier,
        bytes: view.bytesTotal,
        ...(view.error && { code: view.error.code, why: view.error.message }),
      },
      name,
    );
  }
}
