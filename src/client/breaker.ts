import { type Clock, systemClock } from '../runtime/clock.ts';

/**
 * Pauses after failures, ms: the first, then each twice as long, up to the longest. A daemon that starts again says so in daemon.json;
 * a late one mostly runs on a busy machine, and answers again as soon as it has time.
 */
const pauses = { broken: { first: 2_000, longest: 30_000 }, late: { first: 1_000, longest: 10_000 } };
/** Time after a late answer for which the machine counts as busy, ms. */
const busyMs = 60_000;
/** Maximum timeout that a busy machine extends a shorter one to, ms. */
const longestPatienceMs = 2_000;

/**
 * Circuit breaker with half-open attempts: after a failure it refuses attempts for a pause. After the pause, one attempt goes through,
 * and the others wait for its outcome. Late answers count less than connections that fail, and the next answers get more time.
 */
export class Breaker {
  #clock: Clock;
  #failures = 0;
  #openUntil = 0;
  #pauses = pauses.broken;
  /** Time of the last change of state. */
  #turned = Number.NEGATIVE_INFINITY;
  /** Number of late answers, and time of the last one. */
  #lates = 0;
  #lateAt = Number.NEGATIVE_INFINITY;

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

  /** Timeout for an answer that takes at most `ms` on an idle machine: doubled after each late one. */
  patience(ms: number): number {
    if (this.#clock.monotonic() - this.#lateAt > busyMs) this.#lates = 0;
    return Math.min(ms * 2 ** this.#lates, Math.max(ms, longestPatienceMs));
  }

  /** Records a failure; attempts in parallel fail together and count as one. */
  failed(started: number, why: 'late' | 'broken'): void {
    if (started < this.#turned) return;
    this.#failures++;
    this.#turned = this.#clock.monotonic();
    this.#pauses = pauses[why];
    this.#openUntil = this.#turned + this.#pause();
    if (why === 'broken') return;
    this.#lates++;
    this.#lateAt = this.#turned;
  }

  /** Records that the daemon answers, or is a new one. Attempts that began before no longer count. */
  reset(): void {
    this.#failures = 0;
    this.#turned = this.#clock.monotonic();
  }

  #pause(): number {
    const { first, longest } = this.#pauses;
    return Math.min(longest, first * 2 ** (this.#failures - 1));
  }
}
