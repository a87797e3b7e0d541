type State =
  /** It answers, as far as known. */
  | { is: 'normal' }
  /** A question is overdue, and the reader has been silent since then. */
  | { is: 'silent'; since: number }
  /**
   * It was given up, or has ended. The first question after that time starts a new reader, which shows whether the source is back.
   */
  | { is: 'down'; until: number };

interface HealthOptions {
  /** Silence of the reader after which requests are refused, ms. */
  stallMs: number;
  /** First and longest pause before a reader is started again, ms; doubles with every failure. */
  pauseMs: { first: number; longest: number };
}

/** The health of a source, judged by its reader's answers. All times are of one monotonic clock, ms. */
export class ReaderHealth {
  #options: HealthOptions;
  #state: State = { is: 'normal' };
  #failures = 0;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** The reader gave a sign of life. */
  heard(): void {
    this.#state = { is: 'normal' };
    this.#failures = 0;
  }

  /** A question is overdue, without a sign of life since then. */
  overdue(since: number): void {
    if (this.#state.is === 'normal') this.#state = { is: 'silent', since };
  }

  /** It was given up, or has ended. */
  failed(now: number): void {
    const { first, longest } = this.#options.pauseMs;
    this.#state = { is: 'down', until: now + Math.min(longest, first * 2 ** this.#failures++) };
  }

  /** A new one is started. */
  restarted(): void {
    this.#state = { is: 'normal' };
  }

  get isSilent(): boolean {
    return this.#state.is === 'silent';
  }

  /** Why the reader must not be used now; null when it may. A patient caller may use one that is only silent. */
  refusal(now: number, patient: boolean): string | null {
    const state = this.#state;
    if (state.is === 'silent' && !patient && now - state.since >= this.#options.stallMs)
      return 'an earlier question is still unanswered';
    if (state.is === 'down' && now < state.until) return 'it did not answer a moment ago';
    return null;
  }
}
