import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LeaseAnswer } from '../../api/api.ts';
import type { Placed } from '../../catalog/copy-rows.ts';
import { absolutePath, clientOf, parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** Maximum duration of a load, a day. */
const longestLoadMs = 24 * 3600 * 1000;

const which = z.union([z.literal(true), z.array(absolutePath)]).optional();
export const leaseBody = z.object({
  client: z.object({ app: z.string().max(200), pid: z.number().int().optional() }),
  renew: which,
  end: which,
  /** Further paths of copies that the client has, not from this daemon: from the catalog, say, while none ran. */
  given: z.array(absolutePath).max(100_000).default([]),
  /** Durations of loads of copies, from the lookup to the loaded model. */
  loaded: z
    .array(z.object({ path: absolutePath, ms: z.number().min(0).max(longestLoadMs) }))
    .max(10_000)
    .default([]),
});

type LeaseServices = Pick<Services, 'leases' | 'handedOut' | 'catalog'>;

/** A client reports the copies it still needs: renews its leases, or ends them. */
export function leaseRoutes(app: FastifyInstance, { leases, handedOut, catalog }: LeaseServices): void {
  app.post('/api/leases', (request): LeaseAnswer => {
    const { client: asked, renew, end, given, loaded } = parse(leaseBody, request.body);
    const client = clientOf({ app: asked.app, ...(asked.pid !== undefined && { pid: asked.pid }) }, request);
    if (renew !== undefined) leases.renew(client, renew);
    if (end !== undefined) leases.end(client, end);
    const placed = (path: string): Placed | undefined => {
      const copy = catalog.copies.byPath(path);
      const entry = copy && catalog.entries.byId(copy.entryId);
      return entry && { copy, entry };
    };
    for (const path of given) {
      const known = placed(path);
      if (known) handedOut.note(path, known.entry.path, client);
    }
    for (const { path, ms } of loaded) {
      const known = placed(path);
      if (!known) continue;
      catalog.usage.tiers.add(known.copy.tier, known.entry.path, { loads: 1, loadMs: ms });
      catalog.loads.took(known.entry.path, ms);
    }
    return { leases: leases.of(client), seen: handedOut.heard(client) };
  });
}
