import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { TakeOverAnswer } from '../../api/take-over.ts';
import { adoptionWays } from '../../core/types.ts';
import { takeOver } from '../../usage/take-over.ts';
import { knownFiles } from '../known-files.ts';
import { absolutePath, bytes, parse } from '../parse.ts';
import type { Services } from '../services.ts';

export const takeOverBody = z.strictObject({
  files: z.array(z.strictObject({ path: absolutePath, size: bytes })).max(1000),
  way: z.enum(adoptionWays),
  check: z.boolean().optional(),
});

/** Files of another cache, such as Arena AutoCache's, that become copies without being written again. */
export function takeOverRoutes(
  app: FastifyInstance,
  { catalog, roots, copier, lookup }: Pick<Services, 'catalog' | 'roots' | 'copier' | 'lookup'>,
): void {
  app.post('/api/cache/take-over', async (request): Promise<TakeOverAnswer> => {
    const { check, ...body } = parse(takeOverBody, request.body);
    const items = await takeOver(
      { ...body, ...(check !== undefined && { check }) },
      {
        lookup,
        models: () => knownFiles({ catalog, roots }),
        isSource: (path) => roots.locate(path) !== null,
        isCopy: (path) => catalog.copies.byPath(path) !== undefined,
        adopt: ({ medium, ...file }, adoption) => copier.request({ file, medium, priority: 'warm', adoption }),
      },
    );
    return { items };
  });
}
