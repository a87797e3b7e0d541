import type { Clock } from '../runtime/clock.ts';

/** Minimum time for which a path that was handed out stays, ms. */
export const handedOutMs = 60_000;

/** Blobs that must stay for a while: their names, and the end of that time by the monotonic clock. */
export class InUse {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param ms from now */
  keep(sha256: string, ms: number): void {
    this.#until.set(sha256, Math.max(this.#until.get(sha256) ?? 0, this.#clock.monotonic() + ms));
  }

  has(sha256: string): boolean {
    const until = this.#until.get(sha256);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.#until.delete(sha256);
    return false;
  }

  forget(sha256: string): void {
    this.#until.delete(sha256);
  }

  /** Forgets expired names. */
  tidy(): void {
    for (const sha256 of this.#until.keys()) this.has(sha256);
  }
}
