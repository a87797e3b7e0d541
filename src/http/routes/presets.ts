import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CompiledAnswer, GraphsAnswer, PresetAnswer, PresetsAnswer } from '../../api/presets.ts';
import { parseExact } from '../../memo/json-text.ts';
import { assertComplete } from '../../presets/presets.ts';
import { name, parse } from '../parse.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { Services } from '../services.ts';

const params = z.object({ name });
/** The other fields fill slots. */
const body = z.looseObject({ family: z.string().optional(), check: z.boolean().default(false) });

/** Presets: listing, compiling, running them. Numbers of 64 bits in a body keep their digits. */
export function presetRoutes(
  app: FastifyInstance,
  { presets, workflows }: Pick<Services, 'presets' | 'workflows'>,
  limit: RateLimit,
): void {
  app.get('/api/presets', (): PresetsAnswer => presets.list());

  app.get('/api/presets/graphs', (): GraphsAnswer => presets.graphs());

  app.delete('/api/presets/graphs', (_request, reply): { removed: number } => {
    limit.admit(reply);
    return { removed: presets.clearGraphs() };
  });

  app.post('/api/presets/:name', (request) => run(parse(params, request.params).name, request));

  app.post('/api/generate-3d-cached', (request) => run('image-to-3d', request));

  async function run(preset: string, request: FastifyRequest): Promise<PresetAnswer | CompiledAnswer> {
    const { check, ...given } = parse(body, request.bodyText === '' ? {} : parseExact(request.bodyText));
    const compiled = await presets.compile(preset, given);
    if (check) return compiled;
    assertComplete(compiled);
    const { jobs } = await workflows.prefetch({ prompt: compiled.prompt }, null);
    return { ...compiled, jobs };
  }
}
