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
      reply.header('retry-after', String(Math.ceil((oldest + windowMs - now) / 1000)));
      throw new CacheError('RATE_LIMITED', `at most ${most} such requests a minute`, {
        hint: 'Retry-After says when, in seconds.',
      });
    }
    this.#times.push(now);
  }
}
