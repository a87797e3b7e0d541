import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sha256 } from '../memo-requests.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** The namespace of outputs of ComfyUI's nodes. */
const ns = 'comfyui';

const promptBody = z.strictObject({ keys: z.array(sha256).max(500).default([]) });

/** What ComfyUI asks once for each prompt: what is to be kept, and which outputs of its nodes are known. */
export function memoComfyuiRoutes(app: FastifyInstance, { memo, settings }: Pick<Services, 'memo' | 'settings'>): void {
  app.post('/api/memo/comfyui', async (request, reply) => {
    const { keys } = parse(promptBody, request.body);
    const { memoComfyui, memoCode } = settings.current;
    const mode = memo.mode === 'off' ? 'off' : memoComfyui;
    const answers = mode === 'off' ? [] : await Promise.all(keys.map((key) => memo.get({ ns, key, as: 'value' })));
    return reply
      .type('application/json; charset=utf-8')
      .send(`{"mode":"${mode}","code":"${memoCode}","results":[${answers.join()}]}`);
  });
}
