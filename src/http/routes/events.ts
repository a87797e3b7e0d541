import type { FastifyInstance } from 'fastify';
import { CacheError } from '../../core/errors.ts';
import { EventStream } from '../event-stream.ts';
import type { Proofs } from '../proofs.ts';
import { RecentEvents } from '../recent-events.ts';
import type { Services } from '../services.ts';

const maxStreams = 64;

/** All events, as server-sent events, and the last ones as a list. */
export function eventRoutes(app: FastifyInstance, services: Pick<Services, 'events' | 'clock'>, proofs: Proofs): void {
  const { events } = services;
  const recent = new RecentEvents(services);
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

  app.get('/api/events/recent', () => ({ events: recent.list() }));

  app.get('/api/events/told', () => recent.told());
}
