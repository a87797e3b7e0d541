import type { Medium } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';

/** Bytes per second of all copies together, and of all from one kind of source. Null = no bound. */
export interface RateLimits {
  overall: number | null;
  by: Partial<Record<Medium, number | null>>;
}

/** Maximum lag of a schedule, ms; more is forgiven. Above the lateness of timers, below a burst anyone notices. */
const slackMs = 500;

/** One schedule for each bound, shared by all its copies: each step is due when the steps before it have had their time. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #rates: () => RateLimits;
  #nextAt = new Map<Medium | 'overall', number>();

  constructor(clock: Clock, rates: () => RateLimits) {
    this.#clock = clock;
    this.#rates = rates;
  }

  isBound(medium: Medium): boolean {
    return this.#bounds(medium).length > 0;
  }

  /** Enters a step into every schedule that applies. @returns ms until the step may be taken */
  enter(medium: Medium, bytes: number): number {
    const now = this.#clock.monotonic();
    let dueAt = now;
    for (const [key, rate] of this.#bounds(medium)) {
      const startAt = Math.max(this.#nextAt.get(key) ?? now, now - slackMs);
      dueAt = Math.max(dueAt, startAt);
      this.#nextAt.set(key, startAt + (bytes / rate) * 1000);
    }
    return dueAt - now;
  }

  #bounds(medium: Medium): [Medium | 'overall', number][] {
    const { overall, by } = this.#rates();
    const bounds: [Medium | 'overall', number | null | undefined][] = [
      ['overall', overall],
      [medium, by[medium]],
    ];
    return bounds.flatMap(([key, rate]) => (rate ? [[key, rate]] : []));
  }
}
