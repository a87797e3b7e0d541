import type { FastifyInstance } from 'fastify';
import { CacheError } from '../../core/errors.ts';
import { EventStream } from '../event-stream.ts';
import type { Proofs } from '../proofs.ts';
import type { Services } from '../services.ts';

const maxStreams = 64;

/** All events, as server-sent events. */
export function eventRoutes(app: FastifyInstance, { events }: Pick<Services, 'events'>, proofs: Proofs): void {
  let streams = 0;
  app.get('/api/events', { exposeHeadRoute: false }, (request, reply) => {
    if (streams >= maxStreams) throw new CacheError('CONFLICT', `${maxStreams} event streams are open already`);
    streams += 1;
    const stream = new EventStream(request, reply, proofs);
    const unsubscribe = events.subscribe((name, event) => stream.send(name, event));
    stream.onClose(() => {
      streams -= 1;
      unsubscribe();
    });
  });
}
