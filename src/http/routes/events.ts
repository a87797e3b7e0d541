import type { FastifyInstance } from 'fastify';
import { CacheError } from '../../core/errors.ts';
import type { Proofs } from '../proofs.ts';
import type { Services } from '../services.ts';

const maxStreams = 64;
const pingEveryMs = 15_000;
/** A listener this far behind has stopped reading; it can query the missed state when it is back. */
const maxBehindBytes = 1024 * 1024;

/** All events, as server-sent events. */
export function eventRoutes(app: FastifyInstance, { events }: Pick<Services, 'events'>, proofs: Proofs): void {
  let streams = 0;
  app.get('/api/events', { exposeHeadRoute: false }, (request, reply) => {
    if (streams >= maxStreams) throw new CacheError('CONFLICT', `${maxStreams} event streams are open already`);
    streams += 1;
    reply.hijack();
    const { raw } = reply;
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    raw.writeHead(200, { ...headers, ...proofs.streamHeaders(request, 200) });
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
