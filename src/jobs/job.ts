import type { JobState, JobView } from '../api/api.ts';
import { CacheError } from '../core/errors.ts';
import type { StoreOrigin } from '../core/remote.ts';
import {
  type Copy,
  defaultTier,
  type JobKind,
  type Medium,
  type Priority,
  type SourceFile,
  type TierName,
} from '../core/types.ts';
import { isMoving, type JobStatus, jobTerms } from '../core/vocabulary.ts';
import type { Clock } from '../runtime/clock.ts';
import { bounded } from '../runtime/deadline.ts';
import type { Adoption, Plan, Variant } from './plan.ts';
import type { Queued } from './queue.ts';

export interface CopyRequest {
  file: SourceFile;
  priority: Priority;
  medium: Medium;
  /** The target tier, if not the default one. */
  tier?: TierName;
  /** The copy is to be this file, or none. */
  adoption?: Adoption;
  /** No copy is wanted, but this variant. */
  variant?: Variant;
}

/** Maximum size of a file that is copied together with others, bytes. */
const mostSmall = 1024 * 1024;
/** Maximum time until a caller that waits in slices asks again, ms. */
const askAgainMs = 2000;

/** Stands for the source's disk when a copy is made of another copy; no disk has such a name. */
export const theCache = { disk: 'the cache', medium: 'ssd' } as const;

/** Copies of one source into different tiers are different jobs. */
export function jobKey(path: string, tier: TierName): string {
  return `${tier}:${path}`;
}

/** Each variant of a source is a job of its own. */
export function variantKey(variant: string): string {
  return `variant:${variant}`;
}

/** The status of a job that has not ended, with a sentence where the term alone does not explain it. */
export interface Standing {
  status: JobStatus;
  why?: string;
}

/** One copy on its way: queued, running, then done, failed or cancelled. */
export class Job implements Queued {
  readonly id: number;
  file: SourceFile;
  readonly tier: TierName;
  /** Made anew when the job starts, and when the copy it reads turns out damaged. */
  plan: Plan = { kind: 'copy' };
  priority: Priority;
  /** Its id, unless it was raised. */
  turn: number;
  state: JobState = 'queued';
  error: CacheError | null = null;
  bytesDone = 0;
  cancelRequested = false;
  /** The object that is read instead of the source. */
  store: StoreOrigin | null = null;
  /** Bytes taken over from an interrupted copy. */
  resumedFrom = 0;
  /** The daemon's own reason to end the job. */
  stopped: CacheError | null = null;
  /** Bytes of the tier reserved for it; 0 before and after. */
  reserved = 0;
  /** Bytes of the compressed form or the variant, once it exists. */
  stored: number | null = null;
  /** Its source is away, and the other hosts of the farm may have its content: with this name, and this hash. */
  others: { content: string; hash: string } | null = null;
  /** Settles when the job has ended in any way; never rejects. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #startedAt = 0;
  readonly #clock: Clock;
  readonly #medium: Medium;
  readonly #disk: string;
  readonly #standing: (job: Job) => Standing;
  readonly #onGivenUp: (job: Job) => void;
  #waiting = 0;

  /**
   * @param request with the disk of the source, by any name
   * @param standing asked while it is queued or running
   * @param onGivenUp called when the last caller that waited for it has given up
   */
  constructor(
    id: number,
    request: CopyRequest & { disk: string },
    clock: Clock,
    standing: (job: Job) => Standing = ({ state }) => ({ status: state }),
    onGivenUp: (job: Job) => void = () => {},
  ) {
    this.id = id;
    this.turn = id;
    this.file = request.file;
    this.#medium = request.medium;
    this.#disk = request.disk;
    this.#standing = standing;
    this.#onGivenUp = onGivenUp;
    this.tier = request.tier ?? defaultTier;
    this.priority = request.priority;
    this.#clock = clock;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get key(): string {
    return this.plan.kind === 'derive' ? variantKey(this.plan.variant.path) : jobKey(this.file.path, this.tier);
  }

  get kind(): JobKind {
    return this.plan.kind;
  }

  get isSmall(): boolean {
    return this.file.fingerprint.size <= mostSmall;
  }

  /** Most of its time is waiting: a hard disk gives its bytes at a tenth of the speed of a thread that copies. */
  get isLight(): boolean {
    return this.isSmall || this.medium === 'hdd';
  }

  /** The copy read instead of the source, null = none. */
  get origin(): Copy | null {
    return 'origin' in this.plan ? this.plan.origin : null;
  }

  /** Whether it reads from the cache's own disk, or from another one as fast. */
  get #readsCache(): boolean {
    return this.origin !== null || this.kind === 'derive';
  }

  /** Whether its source lies on a disk as fast as the cache. */
  get isOnFastDisk(): boolean {
    return this.#medium === 'ssd';
  }

  /** Whether its result has another size than the source. */
  get #changesSize(): boolean {
    return this.kind === 'compress' || this.kind === 'derive';
  }

  /** The medium it reads: the source's, or the cache's own disk. */
  get medium(): Medium {
    return this.#readsCache ? theCache.medium : this.#medium;
  }

  /** The disk it reads; jobs with the same one share it. */
  get disk(): string {
    return this.#readsCache ? theCache.disk : this.#disk;
  }

  /** What it reads: the path of its source, or `theCache.disk`. */
  get reads(): string {
    return this.#readsCache ? theCache.disk : this.file.path;
  }

  /** Bytes of the source that this job has processed. */
  get copied(): number {
    return Math.max(0, this.bytesDone - this.resumedFrom);
  }

  /** Bytes written to the tier; an upper bound while compressing, and while a variant is made. */
  get written(): number {
    if (this.kind === 'link' || this.kind === 'adopt') return 0;
    return this.#changesSize ? (this.stored ?? this.reserved - this.unwritten) : this.copied;
  }

  /** Bytes of its reservation not yet written. */
  get unwritten(): number {
    if (this.kind === 'adopt') return 0;
    const share = this.bytesDone / Math.max(1, this.file.fingerprint.size);
    return this.#changesSize ? Math.ceil(this.reserved * (1 - share)) : this.reserved - this.bytesDone;
  }

  /** Waits for its end, at most this long, ms. */
  async awaited(ms: number): Promise<void> {
    this.#waiting += 1;
    await bounded(this.ended, ms);
    if (this.state !== 'queued' && this.state !== 'running') return;
    const giveUp = () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#onGivenUp(this);
    };
    setTimeout(giveUp, askAgainMs).unref();
  }

  start(): void {
    this.state = 'running';
    this.#startedAt = this.#clock.monotonic();
  }

  finish(state: 'done' | 'failed' | 'cancelled', error: CacheError | null = null): void {
    this.state = state;
    this.error = error;
    this.reserved = 0;
    this.#end();
  }

  get standing(): Standing {
    const { state } = this;
    return state === 'queued' || state === 'running' ? this.#standing(this) : { status: state };
  }

  view(): JobView {
    const bytesTotal = this.file.fingerprint.size;
    const elapsedMs = this.#clock.monotonic() - this.#startedAt;
    const { status, why } = this.standing;
    const moves = isMoving(status) && elapsedMs > 0;
    const bytesPerSecond = moves ? Math.round(this.copied / (elapsedMs / 1000)) : 0;
    return {
      id: this.id,
      state: this.state,
      status,
      word: jobTerms[status].word,
      why: why ?? this.error?.message ?? jobTerms[status].says,
      priority: this.priority,
      path: this.file.path,
      category: this.file.category,
      tier: this.tier,
      kind: this.kind,
      bytesDone: this.bytesDone,
      bytesTotal,
      bytesPerSecond,
      etaMs: bytesPerSecond > 0 ? Math.round(((bytesTotal - this.bytesDone) / bytesPerSecond) * 1000) : null,
      error: this.error && { code: this.error.code, message: this.error.message },
    };
  }
}

/** @throws CacheError CANCELLED when the copy is no longer wanted. */
export function assertWanted({ cancelRequested }: Job): void {
  if (cancelRequested) throw new CacheError('CANCELLED', 'the copy was cancelled');
}
