import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sha256 } from '../memo-requests.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** The namespace of outputs of ComfyUI's nodes. */
const ns = 'comfyui';

const name = z.string().min(1).max(200);
const promptBody = z.strictObject({
  keys: z.array(sha256).max(500).default([]),
  classes: z
    .array(z.strictObject({ name, code: name }))
    .max(500)
    .default([]),
});
const seenBody = z.strictObject({ key: sha256, class: name, code: name, session: name, result: sha256 });

/** What ComfyUI asks once for each prompt: what is to be kept, and which outputs of its nodes are known. */
export function memoComfyuiRoutes(app: FastifyInstance, { memo, settings }: Pick<Services, 'memo' | 'settings'>): void {
  const { manage } = memo;

  app.post('/api/memo/comfyui', async (request, reply) => {
    const { keys, classes } = parse(promptBody, request.body);
    const { memoComfyui, memoCode } = settings.current;
    const mode = memo.mode === 'off' ? 'off' : memoComfyui;
    const answers = mode === 'off' ? [] : await Promise.all(keys.map((key) => memo.get({ ns, key, as: 'value' })));
    const known = classes.map((one) => manage.repeatability(one.name, one.code));
    return reply
      .type('application/json; charset=utf-8')
      .send(`{"mode":"${mode}","code":"${memoCode}","classes":${JSON.stringify(known)},"results":[${answers.join()}]}`);
  });

  app.post('/api/memo/comfyui/seen', async (request) => {
    const { class: className, ...output } = parse(seenBody, request.body);
    return { known: await manage.see(ns, { ...output, className }) };
  });
}
