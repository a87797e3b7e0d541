import type { FastifyInstance } from 'fastify';
import type { Services } from '../services.ts';

/** Is it alive, and make it end. */
export function healthRoutes(app: FastifyInstance, rooms: Services): void {
  app.get('/healthz', () => ({
    ok: true,
    version: rooms.version,
    ...(rooms.accounts.progress && { accounting: true }),
  }));

  app.post('/api/shutdown', () => {
    // After the answer is on its way.
    setTimeout(rooms.stop, 10);
    return { stopping: true };
  });
}
