import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ForgetRootsAnswer, RootsAnswer } from '../../api/api.ts';
import { matcher } from '../../core/file-globs.ts';
import { media } from '../../core/types.ts';
import { chooseCopies, removeCopies } from '../../space/purge.ts';
import { absolutePath, name, parse } from '../parse.ts';
import type { Services } from '../services.ts';

export const rootsBody = z.object({
  origin: z.enum(['comfyui', 'api']).default('api'),
  roots: z.array(z.object({ path: absolutePath, category: name.optional(), kind: z.enum(media).optional() })).max(10_000),
});

export const forgetBody = z.strictObject({
  paths: z.array(absolutePath).min(1).max(10_000),
  copies: z.boolean().default(false),
});

type RootServices = Pick<Services, 'roots' | 'catalog' | 'evictor' | 'tiers' | 'clock'>;

/** The folders of sources. */
export function rootRoutes(app: FastifyInstance, services: RootServices): void {
  const { roots } = services;

  app.get('/api/roots', (): RootsAnswer => ({ roots: roots.list() }));

  app.post(
    '/api/roots',
    async (request): Promise<RootsAnswer> => ({ roots: await roots.register(parse(rootsBody, request.body)) }),
  );

  app.delete('/api/roots', async (request): Promise<ForgetRootsAnswer> => {
    const { paths, copies } = parse(forgetBody, request.body);
    const forgotten = roots.forget(paths);
    if (!copies) return { roots: roots.list(), removed: null };
    const deps = { ...services, matcher };
    const chosen = await Promise.all(forgotten.map((root) => chooseCopies(deps, { root })));
    return { roots: roots.list(), removed: await removeCopies(deps, chosen.flat(), { dryRun: false, why: 'purge' }) };
  });
}
