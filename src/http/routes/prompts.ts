import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { PromptRunsAnswer } from '../../api/prompts.ts';
import { fieldTexts } from '../../memo/json-text.ts';
import { parse } from '../parse.ts';
import { type PromptRuns, runFields } from '../prompt-runs.ts';
import type { Services } from '../services.ts';

export const promptBody = z.strictObject({ prompt: z.record(z.string(), z.unknown()), ...runFields });

/** Whole prompts of ComfyUI: known, or run once for all askers. */
export function promptRoutes(app: FastifyInstance, { prompts }: Pick<Services, 'prompts'>, runs: PromptRuns): void {
  app.post('/api/prompts/run', (request, reply) => {
    const { prompt, ...fields } = parse(promptBody, request.body);
    const text = fieldTexts(request.bodyText).get('prompt') ?? '';
    return runs.answer({ request, reply }, { prompt, text, preset: null }, fields, {});
  });

  app.get('/api/prompts', (): PromptRunsAnswer => ({ running: prompts.running() }));
}
