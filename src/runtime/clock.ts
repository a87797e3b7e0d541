/** Time comes from outside, so that tests can control it. */
export interface Clock {
  /** Wall clock, ms since the epoch: for display only, never for ordering. */
  now(): number;
  /** Monotonic ms: for deadlines, leases and speeds. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
