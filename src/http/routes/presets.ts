import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CompiledAnswer, GraphsAnswer, PresetAnswer, PresetFilesAnswer, PresetsAnswer } from '../../api/presets.ts';
import { parseExact } from '../../memo/json-text.ts';
import { assertComplete } from '../../presets/presets.ts';
import { name, parse } from '../parse.ts';
import { type PromptRuns, runBody } from '../prompt-runs.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { Services } from '../services.ts';

export const presetParams = z.object({ name });
/** All other fields fill slots. */
export const presetBody = z.looseObject({ check: z.boolean().default(false) });

/** Presets: listing, compiling, running them. Numbers of 64 bits in a body keep their digits. */
export function presetRoutes(
  app: FastifyInstance,
  { presets }: Pick<Services, 'presets'>,
  { limit, runs }: { limit: RateLimit; runs: PromptRuns },
): void {
  app.get('/api/presets', (): PresetsAnswer => presets.list());

  app.get('/api/presets/graphs', (): GraphsAnswer => presets.graphs());

  app.get('/api/presets/files', async (): Promise<PresetFilesAnswer> => ({ presets: await presets.files() }));

  app.delete('/api/presets/graphs', (_request, reply): { removed: number } => {
    limit.admit(reply);
    return { removed: presets.clearGraphs() };
  });

  app.post('/api/presets/:name', (request, reply) => run(parse(presetParams, request.params).name, request, reply));

  app.post('/api/generate-3d-cached', (request, reply) => run('image-to-3d', request, reply));

  async function run(
    preset: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<PresetAnswer | CompiledAnswer | undefined> {
    const given = request.bodyText === '' ? {} : parseExact(request.bodyText);
    const fields = parse(runBody, given);
    const { check, ...rest } = parse(presetBody, given);
    const compiled = await presets.compile(preset, withoutFields(rest));
    if (check) return compiled;
    assertComplete(compiled);
    const { prompt, family, graph } = compiled;
    return runs.answer({ request, reply }, { prompt, text: JSON.stringify(prompt), preset }, fields, {
      name: preset,
      family,
      graph,
    });
  }
}

/** The values of slots, and the family. */
function withoutFields(given: object): Record<string, unknown> {
  const runNames = Object.keys(runBody.shape);
  return Object.fromEntries(Object.entries(given).filter(([field]) => !runNames.includes(field)));
}
