import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sha256 } from '../memo-requests.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** The namespace of outputs of ComfyUI's nodes. */
const ns = 'comfyui';
/** Begins the tag of an output with the hash of what it was made of, as far as that is known before a prompt runs. */
const structure = 'structure:';

const name = z.string().min(1).max(200);
const promptBody = z.strictObject({
  keys: z.array(sha256).max(500).default([]),
  classes: z
    .array(z.strictObject({ name, code: name }))
    .max(500)
    .default([]),
});
const likelyBody = z.strictObject({ structures: z.array(sha256).max(500) });
const seenBody = z.strictObject({
  key: sha256,
  class: name,
  code: name,
  session: name,
  result: sha256,
  given: sha256.nullable().default(null),
});

/** What ComfyUI asks once for each prompt: what is to be kept, and which outputs of its nodes are known. */
export function memoComfyuiRoutes(app: FastifyInstance, { memo, settings }: Pick<Services, 'memo' | 'settings'>): void {
  const { manage } = memo;

  app.post('/api/memo/comfyui', async (request, reply) => {
    const { keys, classes } = parse(promptBody, request.body);
    const { memoComfyui, memoCode, memoAudit } = settings.current;
    const mode = memo.mode === 'off' ? 'off' : memoComfyui;
    const answers = mode === 'off' ? [] : await Promise.all(keys.map((key) => memo.get({ ns, key, as: 'value' })));
    const known = classes.map((one) => manage.repeatability(one.name, one.code));
    const audit = mode === 'off' ? '' : `"audit":${memoAudit},`;
    return reply
      .type('application/json; charset=utf-8')
      .send(`{"mode":"${mode}","code":"${memoCode}",${audit}"classes":${JSON.stringify(known)},"results":[${answers.join()}]}`);
  });

  /** What ComfyUI asks while a prompt waits: which outputs it will probably be given, and what they were made of. */
  app.post('/api/memo/comfyui/likely', async (request, reply) => {
    const { structures } = parse(likelyBody, request.body);
    const isOff = memo.mode === 'off' || settings.current.memoComfyui === 'off';
    const found = isOff ? [] : await manage.peek(ns, structures.map(tagOf));
    const results = [...found].map(([tag, value]) => `{"structure":"${tag.slice(structure.length)}","value":${value}}`);
    return reply.type('application/json; charset=utf-8').send(`{"results":[${results.join()}]}`);
  });

  app.post('/api/memo/comfyui/seen', async (request) => {
    const { class: className, ...output } = parse(seenBody, request.body);
    return { known: await manage.see(ns, { ...output, className }) };
  });
}

function tagOf(sha256: string): string {
  return structure + sha256;
}
