import { type Clock, systemClock } from '../runtime/clock.ts';

/**
 * Pauses after failures, ms: the first, then each twice as long, up to the longest. A daemon that starts again says so in daemon.json;
 * one that is late mostly lives on a busy machine, and answers again as soon as there is time.
 */
const pauses = { broken: { first: 2_000, longest: 30_000 }, late: { first: 1_000, longest: 10_000 } };
/** After a late answer, the machine counts as busy for so long, ms. */
const busyMs = 60_000;
/** No answer is waited for longer than this because the machine is busy, ms. */
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
  /** When the state last changed. */
  #turned = Number.NEGATIVE_INFINITY;
  /** Late answers, and when the last of them was late. */
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

  /** How long to wait for an answer that takes `ms` at most on a machine that is not busy: twice as long after each late one. */
  patience(ms: number): number {
    if (this.#clock.monotonic() - this.#lateAt > busyMs) this.#lates = 0;
    return Math.min(ms * 2 ** this.#lates, Math.max(ms, longestPatienceMs));
  }

  /** Attempts in parallel fail together: that counts as one failure. */
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

  /** The daemon answers, or is a new one. Attempts that began before no longer count. */
  reset(): void {
    this.#failures = 0;
    this.#turned = this.#clock.monotonic();
  }

  #pause(): number {
    const { first, longest } = this.#pauses;
    return Math.min(longest, first * 2 ** (this.#failures - 1));
  }
}
