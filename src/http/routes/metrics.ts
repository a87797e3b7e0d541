import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';
import { type StatsServices, statsOf } from '../stats.ts';

/** Prometheus text. Its library is loaded on the first request. */
export function metricsRoutes(app: FastifyInstance, services: StatsServices): void {
  let opening: Promise<Metrics> | undefined;
  app.get('/metrics', async (_request, reply) => {
    opening ??= import('../metrics.ts').then(({ Metrics }) => new Metrics(services));
    const metrics = await opening;
    return reply.type(metrics.contentType).send(await metrics.text(await statsOf(services), services));
  });
}
