import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { RemovedVariantAnswer, VariantReportAnswer, VariantsAnswer, VariantView } from '../../api/variants.ts';
import { variantForms } from '../../core/types.ts';
import { name, parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** Strict: a misspelt option would make another variant than was meant. */
export const variantBody = z.strictObject({
  model: name,
  to: z.enum(variantForms).optional(),
  fastMatmul: z.boolean().optional(),
  dropUnused: z.boolean().optional(),
});

export const variantName = z.strictObject({ name });

/** Smaller models, made on purpose. */
export function variantRoutes(app: FastifyInstance, { variants }: Pick<Services, 'variants'>): void {
  app.get('/api/variants', (): Promise<VariantsAnswer> => variants.list());

  app.get(
    '/api/variants/report',
    (request): Promise<VariantReportAnswer> => variants.report(parse(variantName, request.query).name),
  );

  app.post('/api/variants', (request): Promise<VariantView> => variants.make(parse(variantBody, request.body)));

  app.delete(
    '/api/variants',
    (request): Promise<RemovedVariantAnswer> => variants.remove(parse(variantName, request.body).name),
  );
}
