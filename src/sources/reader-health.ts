type State =
  /** It answers, as far as is known. */
  | { is: 'normal' }
  /** A question is overdue, and nothing was heard since then. */
  | { is: 'silent'; since: number }
  /** It was given up, or has ended: the first question after that time starts another one, which shows whether the source is back. */
  | { is: 'down'; until: number };

interface HealthOptions {
  /** How long a reader must be silent before questions are turned away, ms. */
  stallMs: number;
  /** First and longest pause before a reader is started again, ms; doubles with every failure. */
  pauseMs: { first: number; longest: number };
}

/** What is known of a source from how its reader answers. All times are of one monotonic clock, ms. */
export class ReaderHealth {
  #options: HealthOptions;
  #state: State = { is: 'normal' };
  #failures = 0;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Anything was heard of it. */
  heard(): void {
    this.#state = { is: 'normal' };
    this.#failures = 0;
  }

  /** A question is overdue of which nothing was heard since then. */
  overdue(since: number): void {
    if (this.#state.is === 'normal') this.#state = { is: 'silent', since };
  }

  /** It was given up, or has ended. */
  failed(now: number): void {
    const { first, longest } = this.#options.pauseMs;
    this.#state = { is: 'down', until: now + Math.min(longest, first * 2 ** this.#failures++) };
  }

  /** Another one is started. */
  restarted(): void {
    this.#state = { is: 'normal' };
  }

  /** Why it should not be asked now; null when it may be. */
  refusal(now: number): string | null {
    const state = this.#state;
    if (state.is === 'silent' && now - state.since >= this.#options.stallMs) return 'an earlier question is still unanswered';
    if (state.is === 'down' && now < state.until) return 'it did not answer a moment ago';
    return null;
  }
}
