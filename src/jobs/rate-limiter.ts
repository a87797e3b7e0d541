import type { Medium } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';

/** Where the bytes of a copy come from: a kind of source, or the other hosts of a farm. */
export type RateKind = Medium | 'peer';

/** Bytes per second of all copies together, and of all from one kind. Null = no bound. */
export interface RateLimits {
  overall: number | null;
  by: Partial<Record<RateKind, number | null>>;
}

/** Maximum lag of a schedule, ms; more is forgiven. Above the lateness of timers, below a burst anyone notices. */
const slackMs = 500;

/** One schedule for each bound, shared by all its copies: each step is due when the steps before it have had their time. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #rates: () => RateLimits;
  #nextAt = new Map<RateKind | 'overall', number>();

  constructor(clock: Clock, rates: () => RateLimits) {
    this.#clock = clock;
    this.#rates = rates;
  }

  isBound(kind: RateKind): boolean {
    return this.#bounds(kind).length > 0;
  }

  /** Enters a step into every schedule that applies. @returns ms until the step may be taken */
  enter(kind: RateKind, bytes: number): number {
    const now = this.#clock.monotonic();
    let dueAt = now;
    for (const [key, rate] of this.#bounds(kind)) {
      const startAt = Math.max(this.#nextAt.get(key) ?? now, now - slackMs);
      dueAt = Math.max(dueAt, startAt);
      this.#nextAt.set(key, startAt + (bytes / rate) * 1000);
    }
    return dueAt - now;
  }

  #bounds(kind: RateKind): [RateKind | 'overall', number][] {
    const { overall, by } = this.#rates();
    const bounds: [RateKind | 'overall', number | null | undefined][] = [
      ['overall', overall],
      [kind, by[kind]],
    ];
    return bounds.flatMap(([key, rate]) => (rate ? [[key, rate]] : []));
  }
}
