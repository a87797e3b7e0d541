import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LeaseAnswer } from '../../api/api.ts';
import { absolutePath, clientOf, parse } from '../parse.ts';
import type { Services } from '../services.ts';

const which = z.union([z.literal(true), z.array(absolutePath)]).optional();
const leaseBody = z.object({
  client: z.object({ app: z.string().max(200), pid: z.number().int().optional() }),
  renew: which,
  end: which,
  /** Paths of copies that the client has besides those that this daemon gave it: from the catalog, say, while none ran. */
  given: z.array(absolutePath).max(100_000).default([]),
});

type LeaseServices = Pick<Services, 'leases' | 'handedOut' | 'catalog'>;

/** A client reports the copies it still needs: renews its leases, or ends them. */
export function leaseRoutes(app: FastifyInstance, { leases, handedOut, catalog }: LeaseServices): void {
  app.post('/api/leases', (request): LeaseAnswer => {
    const { client: asked, renew, end, given } = parse(leaseBody, request.body);
    const client = clientOf({ app: asked.app, ...(asked.pid !== undefined && { pid: asked.pid }) }, request);
    if (renew !== undefined) leases.renew(client, renew);
    if (end !== undefined) leases.end(client, end);
    for (const path of given) {
      const copy = catalog.copies.byPath(path);
      const source = copy && catalog.entries.byId(copy.entryId)?.path;
      if (source !== undefined) handedOut.note(path, source, client);
    }
    return { leases: leases.of(client), seen: handedOut.heard(client) };
  });
}
