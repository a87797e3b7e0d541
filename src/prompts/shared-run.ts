import type { PromptRunProgress } from '../api/prompts.ts';

/** A run that has begun; it ends when the signal aborts. */
type Begin<Result> = (signal: AbortSignal, onProgress: (progress: PromptRunProgress) => void) => Promise<Result>;

/** One run of a prompt with its waiters. It ends when the last of them leaves, unless one of them wants it finished in any case. */
export class SharedRun<Result> {
  readonly #listeners = new Set<(progress: PromptRunProgress) => void>();
  readonly #onEmpty: () => void;
  readonly #abort = new AbortController();
  #isWanted = false;
  #outcome: Promise<Result> | null = null;
  #isOver = false;
  #last: PromptRunProgress | null = null;

  /** @param onEmpty called when there is neither a waiter nor a run, so that it can be forgotten */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  /** Number of waiters. */
  get waiting(): number {
    return this.#listeners.size;
  }

  /** Null before it has begun. */
  get outcome(): Promise<Result> | null {
    return this.#outcome;
  }

  /** Joins the waiters. @returns a function that leaves them; a `wanted` run then continues without waiters */
  join(onProgress: (progress: PromptRunProgress) => void): (how: { wanted: boolean }) => void {
    // One listener may join twice.
    const listener = (progress: PromptRunProgress) => onProgress(progress);
    this.#listeners.add(listener);
    if (this.#last) onProgress(this.#last);
    return ({ wanted }) => {
      this.#isWanted ||= wanted;
      this.#listeners.delete(listener);
      this.#look();
    };
  }

  /** Begins the run, unless it has begun. */
  begin(work: Begin<Result>): Promise<Result> {
    if (this.#outcome) return this.#outcome;
    this.#outcome = this.#run(work);
    // No waiter may be left.
    this.#outcome.catch(() => {});
    return this.#outcome;
  }

  /** Finishes the run even without waiters. */
  want(): void {
    this.#isWanted = true;
  }

  async #run(work: Begin<Result>): Promise<Result> {
    const tell = (progress: PromptRunProgress) => {
      this.#last = progress;
      for (const listener of this.#listeners) listener(progress);
    };
    try {
      return await work(this.#abort.signal, tell);
    } finally {
      this.#isOver = true;
      this.#look();
    }
  }

  #look(): void {
    if (this.#listeners.size > 0) return;
    const isRunning = this.#outcome !== null && !this.#isOver;
    if (!isRunning) this.#onEmpty();
    else if (!this.#isWanted) this.#abort.abort();
  }
}
