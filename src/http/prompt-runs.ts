import { readFile } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { PromptAnswer, PromptReason } from '../api/prompts.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { AskedPrompt, Waiting } from '../prompts/prompts.ts';
import { EventStream } from './event-stream.ts';
import { lifetime, lifetimesOf, tags } from './memo-requests.ts';
import { milliseconds, name, type Present } from './parse.ts';
import type { Proofs } from './proofs.ts';
import type { Services } from './services.ts';
import { untilGone } from './until-gone.ts';

/** Options of a run; fields of a body beside those that name the prompt. */
export const runFields = {
  comfyui: z.string().max(1000).optional(),
  ttl: lifetime.optional(),
  stale: lifetime.optional(),
  tags: tags.default([]),
  waitMs: milliseconds.optional(),
  fresh: z.boolean().default(false),
  /** Classes of packs that give the same for the same inputs. */
  repeatable: z.array(name).max(1000).default([]),
  as: z.enum(['path', 'bytes']).default('path'),
  watch: z.boolean().default(false),
};

export const runBody = z.object(runFields);
type RunFields = Present<z.infer<typeof runBody>>;

/** Maximum bytes of files in one answer. */
const mostInAnswer = 32 * 2 ** 20;

export interface PromptToRun {
  prompt: AskedPrompt['prompt'];
  /** The prompt as it was written. */
  text: string;
  /** Its preset; null = none. */
  preset: string | null;
}

/** Answers requests for runs of prompts. */
export class PromptRuns {
  readonly #prompts: Services['prompts'];
  readonly #proofs: Proofs;

  constructor({ prompts }: Pick<Services, 'prompts'>, proofs: Proofs) {
    this.#prompts = prompts;
    this.#proofs = proofs;
  }

  /** With `watch` the answer is a stream that ends with the result. @param more additional fields of the answer */
  async answer<More extends object>(
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
    { prompt, text, preset }: PromptToRun,
    { as, watch, waitMs, ...fields }: RunFields,
    more: More,
  ): Promise<(PromptAnswer & More) | undefined> {
    const { comfyui = null, fresh, repeatable } = fields;
    const keep = { tags: fields.tags, ...lifetimesOf(fields) };
    const signal = untilGone(reply.raw);
    const run = async (onProgress: Waiting['onProgress']) => {
      const asked = { text, prompt, preset, comfyui, fresh, repeatable, keep };
      const answer = await this.#prompts.run(asked, { signal, waitMs: waitMs ?? null, onProgress });
      return { ...more, ...(as === 'bytes' ? await withBytes(answer) : answer) };
    };
    if (watch) {
      await tell(new EventStream(request, reply, this.#proofs), run);
      return undefined;
    }
    const answer = await run(() => {});
    reply.status(answer.reason === 'RUNNING' ? 202 : 200).header('x-autocached', markOf(answer.reason));
    return answer;
  }
}

/** Events `progress`, and then `done` with the answer, or `failed` with the error. */
async function tell(stream: EventStream, run: (onProgress: Waiting['onProgress']) => Promise<PromptAnswer>): Promise<void> {
  try {
    stream.end('done', await run((progress) => stream.send('progress', progress)));
  } catch (error) {
    stream.end('failed', { error: toCacheError(error).body });
  }
}

/** `HIT`, `STALE`, `MISS`, `BYPASS`, `RUNNING`. */
function markOf(reason: PromptReason): string {
  return reason.split('_', 1)[0] ?? reason;
}

async function withBytes(answer: PromptAnswer): Promise<PromptAnswer> {
  const total = answer.outputs.reduce((sum, { size }) => sum + (size ?? 0), 0);
  if (total > mostInAnswer)
    throw new CacheError(
      'BODY_TOO_LARGE',
      `its files have ${formatBytes(total)}, and an answer at most ${formatBytes(mostInAnswer)}`,
      {
        hint: 'Leave out `as`: GET /api/memo/blobs/:sha256 has the bytes of each.',
      },
    );
  const read = async (path: string) => (await readFile(path)).toString('base64');
  const outputs = answer.outputs.map(async (output) =>
    output.path === null ? output : { ...output, bytes: await read(output.path) },
  );
  return { ...answer, outputs: await Promise.all(outputs) };
}
