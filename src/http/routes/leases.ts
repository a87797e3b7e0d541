import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LeaseAnswer } from '../../api/api.ts';
import { absolutePath, parse } from '../parse.ts';
import type { Services } from '../services.ts';

const which = z.union([z.literal(true), z.array(absolutePath)]).optional();
const leaseBody = z.object({
  client: z.object({ app: z.string().max(200), pid: z.number().int().optional() }),
  renew: which,
  end: which,
});

/** A client reports the copies it still needs: renews its leases, or ends them. */
export function leaseRoutes(app: FastifyInstance, { leases }: Pick<Services, 'leases'>): void {
  app.post('/api/leases', (request): LeaseAnswer => {
    const { client: asked, renew, end } = parse(leaseBody, request.body);
    const client = { app: asked.app, ...(asked.pid !== undefined && { pid: asked.pid }) };
    if (renew !== undefined) leases.renew(client, renew);
    if (end !== undefined) leases.end(client, end);
    return { leases: leases.of(client) };
  });
}
