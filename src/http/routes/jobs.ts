import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';
import { Throughput } from '../throughput.ts';

export const jobParams = z.object({ id: z.coerce.number().int() });
/** Running jobs come first, then waiting ones. */
export const jobsQuery = z.object({ limit: z.coerce.number().int().min(1).optional() });

/** Copies under way: listing, pausing, raising and cancelling them. */
export function jobRoutes(app: FastifyInstance, { copier, ...services }: Pick<Services, 'copier' | 'events' | 'clock'>): void {
  const throughput = new Throughput(services);
  app.get('/api/jobs', (request) => {
    const { limit } = parse(jobsQuery, request.query);
    return { jobs: copier.jobs().slice(0, limit), paused: copier.paused };
  });

  app.get('/api/jobs/throughput', () => throughput.read());

  for (const paused of [true, false]) {
    app.post(`/api/jobs/${paused ? 'pause' : 'resume'}`, () => {
      copier.pause(paused);
      return { paused: copier.paused };
    });
  }

  /** Moves a job to the front. */
  app.post('/api/jobs/:id/raise', (request) => ({ job: copier.raise(idOf(request.params)) }));

  app.delete('/api/jobs/:id', (request) => {
    return { job: copier.cancel(idOf(request.params)) };
  });
}

function idOf(params: unknown): number {
  return parse(jobParams, params).id;
}
