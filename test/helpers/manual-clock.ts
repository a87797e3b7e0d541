import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until it is moved; wall and monotonic time can be moved apart. */
export class ManualClock implements Clock {
  #wall = 1_750_000_000_000;
  #monotonic = 1000;

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  advance(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  /** As when the system's clock is corrected. */
  setWall(ms: number): void {
    this.#wall = ms;
  }
}
