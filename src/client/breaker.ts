import { type Clock, systemClock } from '../runtime/clock.ts';

const firstPauseMs = 2_000;
const longestPauseMs = 30_000;

/**
 * Circuit breaker: after a failure nobody is asked for 2 s, after each further one for twice as long, up to 30 s. When a pause
 * is over, one attempt goes through, and the others keep waiting for how it ends.
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

  /** When the attempt may go ahead: its start, for `failed()`. Null: not now. */
  enter(): number | null {
    const now = this.#clock.monotonic();
    if (this.#failures === 0) return now;
    if (now < this.#openUntil) return null;
    this.#openUntil = now + this.#pause();
    return now;
  }

  /** Attempts that ran side by side fail together: that counts as one failure. */
  failed(started: number): void {
    if (started < this.#turned) return;
    this.#failures++;
    this.#turned = this.#clock.monotonic();
    this.#openUntil = this.#turned + this.#pause();
  }

  /** The daemon answers, or it is another one. Attempts that began before count no more. */
  reset(): void {
    this.#failures = 0;
    this.#turned = this.#clock.monotonic();
  }

  #pause(): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#failures - 1));
  }
}
