export interface PeriodicOptions {
  /** Pause between the end of a round and the next one, ms; a function is called after every round. */
  everyMs: number | (() => number);
  /** Called when a round failed; the next one still follows. Not called after the end. */
  onError(error: unknown): void;
}

/** Does its work round after round, at most one at a time, and does not keep the process from ending. */
export class Periodic implements AsyncDisposable {
  readonly #work: () => unknown;
  readonly #options: PeriodicOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  /** Whether another round is requested. */
  #again = false;
  #ended = false;

  constructor(work: () => unknown, options: PeriodicOptions) {
    this.#work = work;
    this.#options = options;
  }

  /**
   * Begins a round, and the rounds after it; if one is running, another follows at once.
   * @returns a promise that resolves when that round is over, and never rejects
   */
  now(): Promise<void> {
    this.#again = true;
    if (this.#running) return this.#running;
    if (this.#ended) return Promise.resolve();
    this.#stopTimer();
    this.#running = this.#rounds();
    return this.#running;
  }

  /** Begins the rounds with a pause. A running pause restarts, with the present `everyMs`. */
  later(): void {
    if (this.#ended || this.#running) return;
    const { everyMs } = this.#options;
    this.#stopTimer();
    this.#timer = setTimeout(() => void this.now(), typeof everyMs === 'number' ? everyMs : everyMs()).unref();
  }

  /** Restarts a running pause; without one, does nothing. */
  rearm(): void {
    if (this.#timer) this.later();
  }

  /** Begins no further round; resolves when the running one is over. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#stopTimer();
    await this.#running;
  }

  async #rounds(): Promise<void> {
    while (this.#again && !this.#ended) {
      this.#again = false;
      await this.#round();
    }
    this.#running = null;
    this.later();
  }

  async #round(): Promise<void> {
    try {
      await this.#work();
    } catch (error) {
      if (!this.#ended) this.#options.onError(error);
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
