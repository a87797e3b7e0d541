import type { SourceFile } from '../catalog/entries.ts';
import type { JobState, JobView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import type { CacheError } from '../core/errors.ts';
import type { Medium, Priority } from '../core/types.ts';
import type { Queued } from './queue.ts';

export interface CopyRequest {
  file: SourceFile;
  priority: Priority;
  medium: Medium;
}

/** One copy on its way: queued, running, then done, failed or cancelled. */
export class Job implements Queued {
  readonly id: number;
  file: SourceFile;
  readonly medium: Medium;
  priority: Priority;
  state: JobState = 'queued';
  error: CacheError | null = null;
  bytesDone = 0;
  cancelRequested = false;
  /** Bytes taken over from an interrupted copy. */
  resumedFrom = 0;
  /** Why the daemon itself ends it. */
  stopped: CacheError | null = null;
  /** Bytes of the tier that are reserved for it and not yet written. */
  reserved = false;
  /** Settles when the job has ended, in whatever way; it never rejects. */
  readonly ended: Promise<void>;
  #end: () => void = () => {};
  #startedAt = 0;
  readonly #clock: Clock;

  constructor(id: number, request: CopyRequest, clock: Clock) {
    this.id = id;
    this.file = request.file;
    this.medium = request.medium;
    this.priority = request.priority;
    this.#clock = clock;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get root(): string {
    return this.file.root;
  }

  /** Bytes that this job has written to the tier. */
  get written(): number {
    return Math.max(0, this.bytesDone - this.resumedFrom);
  }

  start(): void {
    this.state = 'running';
    this.#startedAt = this.#clock.monotonic();
  }

  finish(state: 'done' | 'failed' | 'cancelled', error: CacheError | null = null): void {
    this.state = state;
    this.error = error;
    this.reserved = false;
    this.#end();
  }

  view(): JobView {
    const bytesTotal = this.file.fingerprint.size;
    const elapsedMs = this.#clock.monotonic() - this.#startedAt;
    const bytesPerSecond = elapsedMs > 0 ? Math.round(this.written / (elapsedMs / 1000)) : 0;
    return {
      id: this.id,
      state: this.state,
      priority: this.priority,
      path: this.file.path,
      category: this.file.category,
      bytesDone: this.bytesDone,
      bytesTotal,
      bytesPerSecond: this.state === 'running' ? bytesPerSecond : 0,
      etaMs:
        this.state === 'running' && bytesPerSecond > 0
          ? Math.round(((bytesTotal - this.bytesDone) / bytesPerSecond) * 1000)
          : null,
      error: this.error && { code: this.error.code, message: this.error.message },
    };
  }
}
