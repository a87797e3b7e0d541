import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { StuckAnswer } from '../../api/open-sources.ts';
import { absolutePath, bytes, nanoseconds, parse } from '../parse.ts';
import type { Services } from '../services.ts';

export const stuckBody = z.object({
  client: z.object({ app: z.string().max(200), pid: z.number().int().optional() }),
  sources: z.array(z.object({ path: absolutePath, size: bytes, mtimeNs: nanoseconds })).max(1000),
});

/** A program reports its open sources; the answer lists those with a copy, and whether to release them. */
export function stuckRoutes(app: FastifyInstance, { openSources, settings }: Pick<Services, 'openSources' | 'settings'>): void {
  app.post('/api/stuck', async (request): Promise<StuckAnswer> => {
    const found = await openSources.report(parse(stuckBody, request.body));
    return { stuck: found.map(({ path }) => path), free: settings.current.comfyuiFree };
  });
}
