import { z } from 'zod';
import { type MemoSemantic, memoNormaliseRules } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';

/** A list, or `case,space`. */
const normalise = z
  .union([z.string().transform((text) => text.split(',').map((rule) => rule.trim())), z.array(z.string())])
  .pipe(z.array(z.enum(memoNormaliseRules)).min(1))
  .optional();
const wrong = z.number().positive().max(0.2).optional();
const acceptWrongAnswers = z.literal(true, 'must be true: no threshold tells what means the same from what does not');

/** Comparison of a namespace's texts. */
export const semantic = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('normalise'), normalise }),
  z.strictObject({ mode: z.literal('suggest') }),
  z.strictObject({ mode: z.literal('verified'), normalise, wrong }),
  z.strictObject({ mode: z.literal('threshold'), normalise, threshold: z.number().min(0).max(1), acceptWrongAnswers }),
]);

/** Namespaces of pictures, films, shapes and their inputs: a similar input gives another result. */
const neverAlike = /^(?:comfyui|prompts|presets)(?![a-z\d])/i;

/** The namespace of answers whose key is the whole request, without a text to be compared. */
const llm = 'llm';

/** @throws CacheError BAD_REQUEST for settings that are impossible, here or anywhere */
export function checkedSemantic(ns: string, given: z.output<typeof semantic>, canEmbed: boolean): MemoSemantic {
  const { mode } = given;
  if (ns === llm) {
    throw new CacheError(
      'BAD_REQUEST',
      'answers of a language model are found by the whole question only, never by a similar text',
      {
        hint: 'A program that has texts of its own keeps their results in a namespace of its own.',
      },
    );
  }
  if (mode !== 'suggest' && neverAlike.test(ns)) {
    throw new CacheError('BAD_REQUEST', `results of ${ns} are never served for another text`, {
      hint: 'Use the mode suggest.',
    });
  }
  if (mode !== 'normalise' && !canEmbed) {
    const hint = 'Set AUTOCACHE_EMBEDDINGS_URL to an OpenAI-compatible server, such as http://127.0.0.1:11434, and restart.';
    throw new CacheError('BAD_REQUEST', `the mode ${mode} needs a server of embeddings`, { hint });
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as MemoSemantic;
}
