/** Number of consecutive unanswered requests after which the server is left alone. */
const mostStrikes = 3;

/** Ms. */
export interface Pauses {
  /** Backoff after the first failure; each further one doubles it. */
  first: number;
  most: number;
}

/** Decides when, and for how long, a server is left alone. Times are monotonic ms. */
export class Breaker {
  readonly #pauses: Pauses;
  #strikes = 0;
  #pauseMs = 0;
  #closedAt: number | null = null;
  #why: string | null = null;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
  }

  /** Why the server is left alone; null while it is asked. */
  get why(): string | null {
    return this.#why;
  }

  answered(): void {
    this.#strikes = 0;
  }

  /** @returns whether this failure is one too many */
  failed(): boolean {
    this.#strikes += 1;
    return this.#strikes >= mostStrikes;
  }

  /** @returns the pause until it is tried again, ms: the first one, when it has worked for longer than the last */
  open(why: string, now: number): number {
    const { first, most } = this.#pauses;
    const hasWorked = this.#closedAt !== null && now - this.#closedAt > this.#pauseMs;
    this.#pauseMs = this.#pauseMs === 0 || hasWorked ? first : Math.min(most, 2 * this.#pauseMs);
    this.#why = why;
    this.#closedAt = null;
    return this.#pauseMs;
  }

  close(now: number): void {
    this.#why = null;
    this.#strikes = 0;
    this.#closedAt = now;
  }
}
