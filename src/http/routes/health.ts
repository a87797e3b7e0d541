import type { FastifyInstance } from 'fastify';
import type { Services } from '../services.ts';

/** Sign of life, and stopping. */
export function healthRoutes(app: FastifyInstance, { daemon, accounts }: Pick<Services, 'daemon' | 'accounts'>): void {
  app.get('/healthz', () => ({
    ok: true,
    version: daemon.version,
    ...(accounts.progress && { accounting: true }),
  }));

  app.post('/api/shutdown', () => {
    // Later, so that the answer is sent first.
    setTimeout(() => daemon.stop(), 10);
    return { stopping: true };
  });
}
