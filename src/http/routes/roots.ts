import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LeaseAnswer, RootsAnswer } from '../../api/api.ts';
import { media } from '../../core/types.ts';
import { absolutePath, name, parse } from '../parse.ts';
import type { Services } from '../services.ts';

const rootsBody = z.object({
  origin: z.enum(['comfyui', 'api']).default('api'),
  roots: z.array(z.object({ path: absolutePath, category: name.optional(), kind: z.enum(media).optional() })).max(10_000),
});

const which = z.union([z.literal(true), z.array(absolutePath)]).optional();
const leaseBody = z.object({
  client: z.object({ app: z.string().max(200), pid: z.number().int().optional() }),
  renew: which,
  end: which,
});

/** Where sources are, and who still needs which copy. */
export function rootRoutes(app: FastifyInstance, { roots, leases }: Services): void {
  app.get('/api/roots', (): RootsAnswer => ({ roots: roots.list() }));

  app.post(
    '/api/roots',
    async (request): Promise<RootsAnswer> => ({ roots: await roots.register(parse(rootsBody, request.body)) }),
  );

  app.post('/api/leases', (request): LeaseAnswer => {
    const { client: asked, renew, end } = parse(leaseBody, request.body);
    const client = { app: asked.app, ...(asked.pid !== undefined && { pid: asked.pid }) };
    if (renew !== undefined) leases.renew(client, renew);
    if (end !== undefined) leases.end(client, end);
    return { leases: leases.of(client) };
  });
}
