import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CacheError } from '../core/errors.ts';

/** Counts a request. @throws CacheError RATE_LIMITED */
export type RateLimit = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const most = 30;

/** Bounds what is dear or destructive to 30 requests a minute: there is one token, and its holders share them. */
export function limitRate(app: FastifyInstance): RateLimit {
  app.register(rateLimit, { global: false });
  let check: ReturnType<FastifyInstance['createRateLimit']> | null = null;
  return async (request, reply) => {
    check ??= app.createRateLimit({ max: most, timeWindow: 60_000, keyGenerator: () => 'token' });
    const verdict = await check(request);
    if (verdict.isAllowed || !verdict.isExceeded) return;
    reply.header('retry-after', String(Math.max(1, verdict.ttlInSeconds)));
    throw new CacheError('RATE_LIMITED', `at most ${most} such requests a minute`, {
      hint: 'Retry-After says when, in seconds.',
    });
  };
}
