import type { FastifyInstance } from 'fastify';
import type { MissesAnswer } from '../../api/loads.ts';
import { RecordedLoads, type RecordedServices } from '../recorded-loads.ts';

/** The recorded loads: as a trace, and replayed with other sizes of the cache. */
export function loadRoutes(app: FastifyInstance, services: RecordedServices): void {
  const recorded = new RecordedLoads(services);

  app.get('/api/loads/trace', async (_request, reply) => reply.type('text/csv; charset=utf-8').send(await recorded.trace()));

  app.get('/api/loads/misses', (): Promise<MissesAnswer> => recorded.misses());
}
