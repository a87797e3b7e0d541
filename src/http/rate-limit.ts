import type { FastifyReply } from 'fastify';
import { CacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';

const most = 30;
const windowMs = 60_000;

/** Limits expensive or destructive requests to 30 a minute: there is one token, and all who have it share them. */
export class RateLimit {
  readonly #clock: Clock;
  /** Times of the last requests, by the monotonic clock, oldest first. */
  #times: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request. @throws CacheError RATE_LIMITED, with the time of the next try in the reply */
  admit(reply: FastifyReply): void {
    const now = this.#clock.monotonic();
    this.#times = this.#times.filter((time) => now - time < windowMs);
    const [oldest = now] = this.#times;
    if (this.#times.length >= most) {
      const seconds = Math.ceil((oldest + windowMs - now) / 1000);
      reply.header('retry-after', String(seconds));
      throw new CacheError('RATE_LIMITED', `at most ${most} such requests a minute`, { hint: `Try again in ${seconds} s.` });
    }
    this.#times.push(now);
  }
}
