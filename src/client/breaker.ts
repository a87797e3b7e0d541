import { type Clock, systemClock } from '../runtime/clock.ts';

const firstPauseMs = 2_000;
const longestPauseMs = 30_000;

/**
 * Circuit breaker: after a failure it refuses attempts for 2 s, after each further one for twice as long, at most 30 s. After a
 * pause, one attempt goes through, and the others wait for its outcome.
 */
export class Breaker {
  #clock: Clock;
  #failures = 0;
  #openUntil = 0;
  /** When the state last changed. */
  #turned = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The start of the attempt, for `failed()`, if it may go ahead; null: not now. */
  enter(): number | null {
    const now = this.#clock.monotonic();
    if (this.#failures === 0) return now;
    if (now < this.#openUntil) return null;
    this.#openUntil = now + this.#pause();
    return now;
  }

  /** Attempts in parallel fail together: that counts as one failure. */
  failed(started: number): void {
    if (started < this.#turned) return;
    this.#failures++;
    this.#turned = this.#clock.monotonic();
    this.#openUntil = this.#turned + this.#pause();
  }

  /** The daemon answers, or is a new one. Attempts that began before no longer count. */
  reset(): void {
    this.#failures = 0;
    this.#turned = this.#clock.monotonic();
  }

  #pause(): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
  }
}
