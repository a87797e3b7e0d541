import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { CacheError } from '../../core/errors.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';

const maxStreams = 64;
const pingEveryMs = 15_000;
/** A listener that is so far behind has stopped reading; what it missed it can ask for when it is back. */
const maxBehindBytes = 1024 * 1024;

/** Those that run come first, then those that wait. */
const jobsQuery = z.object({ limit: z.coerce.number().int().min(1).optional() });

/** Copies under way, and everything that happens as server-sent events. */
export function jobRoutes(app: FastifyInstance, { copier, events }: Services): void {
  app.get('/api/jobs', (request) => {
    const { limit } = parse(jobsQuery, request.query);
    return { jobs: copier.jobs().slice(0, limit), paused: copier.paused };
  });

  for (const paused of [true, false]) {
    app.post(`/api/jobs/${paused ? 'pause' : 'resume'}`, () => {
      copier.pause(paused);
      return { paused: copier.paused };
    });
  }

  app.delete('/api/jobs/:id', (request) => {
    const { id } = parse(z.object({ id: z.coerce.number().int() }), request.params);
    return { job: copier.cancel(id) };
  });

  let streams = 0;
  app.get('/api/events', { exposeHeadRoute: false }, (_request, reply) => {
    if (streams >= maxStreams) throw new CacheError('CONFLICT', `${maxStreams} event streams are open already`);
    streams += 1;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    raw.write(': autocached\n\n');
    const ping = setInterval(() => raw.write(': ping\n\n'), pingEveryMs);
    const unsubscribe = events.subscribe((name, event) => {
      raw.write(`event: ${name}\ndata: ${JSON.stringify(event)}\n\n`);
      if (raw.writableLength > maxBehindBytes) raw.destroy();
    });
    raw.on('close', () => {
      streams -= 1;
      clearInterval(ping);
      unsubscribe();
    });
  });
}
