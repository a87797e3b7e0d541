import type { FastifyInstance } from 'fastify';
import type { Rooms } from '../rooms.ts';

/** Is it alive, and make it end. */
export function healthRoutes(app: FastifyInstance, rooms: Rooms): void {
  app.get('/healthz', () => ({ ok: true, version: rooms.version }));

  app.post('/api/shutdown', () => {
    // After the answer is on its way.
    setTimeout(rooms.stop, 10);
    return { stopping: true };
  });
}
