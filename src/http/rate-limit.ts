import type { FastifyReply } from 'fastify';
import { CacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';

const most = 30;
const windowMs = 60_000;

/** Bounds what is dear or destructive to 30 requests a minute: there is one token, and those who have it share them. */
export class RateLimit {
  readonly #clock: Clock;
  /** When the last ones came, by the monotonic clock, oldest first. */
  #times: number[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts a request. @throws CacheError RATE_LIMITED, and says in the reply when to try again */
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
