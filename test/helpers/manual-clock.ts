import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until it is moved; wall and monotonic time move apart when told so. */
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

  /** As when somebody corrects the system's clock. */
  setWall(ms: number): void {
    this.#wall = ms;
  }
}
