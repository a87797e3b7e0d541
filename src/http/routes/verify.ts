import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { parse } from '../parse.ts';
import type { Rooms } from '../rooms.ts';
import { select, selectBody } from './entries.ts';

const verifyBody = selectBody.omit({ dryRun: true }).extend({ all: z.boolean().optional() });

/** Reading copies again on demand. The answer comes when all are read; who goes away before that ends the reading. */
export function verifyRoutes(app: FastifyInstance, rooms: Rooms): void {
  const { catalog, scrub } = rooms;
  app.post('/api/cache/verify', async (request, reply) => {
    const body = parse(verifyBody, request.body);
    const copies = body.all
      ? catalog.copies.inState('ready')
      : (await select(rooms, body)).entries.flatMap((entry) => catalog.copies.readyOf(entry.id));
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort());
    return scrub.verify(copies, { signal: gone.signal });
  });
}
