import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { WrittenAnswer } from '../../api/written.ts';
import { absolutePath, bytes, nanoseconds, parse } from '../parse.ts';
import type { Services } from '../services.ts';

export const broughtBackBody = z.object({
  files: z.array(z.object({ path: absolutePath, bytes, mtimeNs: nanoseconds })).max(100_000),
});

/** Files that programs wrote beside copies; a client that has brought some beside the sources reports it. Answers the remaining ones. */
export function writtenRoutes(app: FastifyInstance, { written }: Pick<Services, 'written'>): void {
  app.get('/api/cache/written', async (): Promise<WrittenAnswer> => {
    await written.look();
    return { files: await written.list() };
  });

  app.post('/api/cache/written', async (request): Promise<WrittenAnswer> => {
    written.broughtBack(parse(broughtBackBody, request.body).files);
    return { files: await written.list() };
  });
}
