import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sha256 } from '../memo-requests.ts';
import { absolutePath, nanoseconds, parse } from '../parse.ts';
import type { Services } from '../services.ts';

/** The namespace of outputs of ComfyUI's nodes. */
const ns = 'comfyui';
/** Prefix of an output's tag, before the hash of its inputs as far as known before a prompt runs. */
const structure = 'structure:';

const name = z.string().min(1).max(200);
export const promptBody = z.strictObject({
  keys: z.array(sha256).max(500).default([]),
  /** In the order of the keys: fallback for a key that is not found. */
  others: z.array(sha256.nullable()).max(500).default([]),
  classes: z
    .array(z.strictObject({ name, code: name }))
    .max(500)
    .default([]),
});
/** Files as the client sees them. */
export const contentsBody = z.strictObject({
  files: z
    .array(
      z.strictObject({
        path: absolutePath,
        size: z.number().int().nonnegative(),
        mtimeNs: nanoseconds,
        ctimeNs: nanoseconds.nullable(),
      }),
    )
    .max(500),
});
export const likelyBody = z.strictObject({ structures: z.array(sha256).max(500) });
export const seenBody = z.strictObject({
  key: sha256,
  class: name,
  code: name,
  session: name,
  result: sha256,
  given: sha256.nullable().default(null),
});

/** ComfyUI's request before each prompt: which outputs to keep, and which outputs of its nodes are known. */
export function memoComfyuiRoutes(
  app: FastifyInstance,
  { memo, settings, catalog }: Pick<Services, 'memo' | 'settings' | 'catalog'>,
): void {
  const { manage, outputs } = memo;

  app.post('/api/memo/comfyui', async (request, reply) => {
    const { keys, classes, others } = parse(promptBody, request.body);
    const { memoComfyui, memoCode, memoAudit } = settings.current;
    const mode = memo.mode === 'off' ? 'off' : memoComfyui;
    const answers =
      mode === 'off'
        ? []
        : await Promise.all(keys.map((key, at) => memo.get({ ns, key: keyOf(key, others[at]), as: 'value' })));
    const known = classes.map((one) => outputs.repeatability(one.name, one.code));
    const audit = mode === 'off' ? '' : `"audit":${memoAudit},`;
    const there = others.length === 0 ? '' : `"others":${JSON.stringify(others.map(isThere))},`;
    return reply
      .type('application/json; charset=utf-8')
      .send(
        `{"mode":"${mode}","code":"${memoCode}",${audit}${there}"classes":${JSON.stringify(known)},"results":[${answers.join()}]}`,
      );
  });

  /** ComfyUI's request while a prompt waits: the outputs that it will probably be given, and their inputs. */
  app.post('/api/memo/comfyui/likely', async (request, reply) => {
    const { structures } = parse(likelyBody, request.body);
    const isOff = memo.mode === 'off' || settings.current.memoComfyui === 'off';
    const found = isOff ? [] : await outputs.peek(ns, structures.map(tagOf));
    const results = [...found].map(([tag, value]) => `{"structure":"${tag.slice(structure.length)}","value":${value}}`);
    return reply.type('application/json; charset=utf-8').send(`{"results":[${results.join()}]}`);
  });

  /** The SHA-256 of models in their order; null for those that were not read or have changed. */
  app.post('/api/memo/comfyui/contents', async (request) => {
    const { files } = parse(contentsBody, request.body);
    return { sha256: files.map((file) => contentOf(file)) };
  });

  app.post('/api/memo/comfyui/seen', async (request) => {
    const { class: className, ...output } = parse(seenBody, request.body);
    return { known: await outputs.see(ns, { ...output, className }) };
  });

  function keyOf(key: string, other: string | null | undefined): string {
    return other != null && !isThere(key) && isThere(other) ? other : key;
  }

  function isThere(key: string | null): boolean {
    return key !== null && manage.warm(ns, key) !== 'miss';
  }

  function contentOf({ path, size, mtimeNs, ctimeNs }: z.infer<typeof contentsBody>['files'][number]): string | null {
    const entry = catalog.entries.byPath(path);
    const known = entry?.fingerprint;
    // Programs can restore the time of a write.
    const isSame = known?.size === size && known.mtimeNs === mtimeNs && (ctimeNs === null || known.ctimeNs === ctimeNs);
    return entry && isSame ? catalog.contents.sha256Of(entry.id) : null;
  }
}

function tagOf(sha256: string): string {
  return structure + sha256;
}
