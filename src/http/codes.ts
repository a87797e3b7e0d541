import { randomBytes } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';

/** Time in which a code may be exchanged, ms. */
const validMs = 60_000;
const most = 100;

/**
 * One-time codes that stand for the token in an address: other users of the machine see addresses in its list of processes, and
 * browsers keep them.
 */
export class Codes {
  readonly #clock: Clock;
  /** The end of each, by the monotonic clock; oldest first. */
  #open = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(): string {
    const code = randomBytes(32).toString('base64url');
    this.#open.set(code, this.#clock.monotonic() + validMs);
    const [oldest] = this.#open.keys();
    if (this.#open.size > most && oldest !== undefined) this.#open.delete(oldest);
    return code;
  }

  /** True once for each code, within its time. */
  redeem(code: string): boolean {
    const until = this.#open.get(code);
    this.#open.delete(code);
    return until !== undefined && this.#clock.monotonic() < until;
  }
}
