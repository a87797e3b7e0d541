import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { RootsAnswer } from '../../api/api.ts';
import { media } from '../../core/types.ts';
import { absolutePath, name, parse } from '../parse.ts';
import type { Services } from '../services.ts';

const rootsBody = z.object({
  origin: z.enum(['comfyui', 'api']).default('api'),
  roots: z.array(z.object({ path: absolutePath, category: name.optional(), kind: z.enum(media).optional() })).max(10_000),
});

/** The folders of sources. */
export function rootRoutes(app: FastifyInstance, { roots }: Pick<Services, 'roots'>): void {
  app.get('/api/roots', (): RootsAnswer => ({ roots: roots.list() }));

  app.post(
    '/api/roots',
    async (request): Promise<RootsAnswer> => ({ roots: await roots.register(parse(rootsBody, request.body)) }),
  );
}
