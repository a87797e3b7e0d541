import { z } from 'zod';
import type { MemoWarmItem } from '../api/memo.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { canonical } from '../memo/canonical.ts';
import { fieldTexts, parseExact } from '../memo/json-text.ts';
import { assertComplete } from '../presets/presets.ts';
import { isObject } from '../workflow/json.ts';
import { lifetime, lifetimesOf, tags, type Written } from './memo-requests.ts';
import { name, parse } from './parse.ts';
import type { Services } from './services.ts';

const promptItem = z.strictObject({
  ns: z.literal('prompts'),
  prompt: z.record(z.string(), z.unknown()).optional(),
  /** Its other fields fill slots. */
  preset: z.looseObject({ name }).optional(),
  comfyui: z.string().max(1000).optional(),
  ttl: lifetime.optional(),
  stale: lifetime.optional(),
  tags: tags.default([]),
  repeatable: z.array(name).max(1000).default([]),
});
type PromptItem = z.infer<typeof promptItem>;

/** True for items that ComfyUI computes; the caller computes all others. */
export function isPromptItem({ body }: Written): boolean {
  return isObject(body) && (body['prompt'] !== undefined || body['preset'] !== undefined);
}

/** Runs a prompt, or that of a preset, when ComfyUI is idle. @returns a function that does @throws CacheError BAD_REQUEST for an unreadable item */
export function readPromptItem(
  { prompts, presets }: Pick<Services, 'prompts' | 'presets'>,
  written: Written,
): () => Promise<MemoWarmItem> {
  const item = parse(promptItem, written.body) as PromptItem;
  if ((item.prompt === undefined) === (item.preset === undefined))
    throw new CacheError('BAD_REQUEST', 'give either a prompt or a preset');
  const { ns, comfyui = null, repeatable } = item;
  const keep = { tags: item.tags, ...lifetimesOf(item) };
  return async () => {
    try {
      const { prompt, text } = await promptOf(presets, item, fieldTexts(written.bodyText));
      const { key, state, why } = await prompts.warm({
        prompt,
        text,
        preset: item.preset?.name ?? null,
        comfyui,
        repeatable,
        fresh: false,
        keep,
      });
      return { ns, key, state, ...(why !== null && { error: why }) };
    } catch (error) {
      // One failure does not prevent the others.
      return { ns, key: '', state: 'miss', error: messageOf(error) };
    }
  };
}

/** A prompt, parsed and in its text form. */
async function promptOf(
  presets: Services['presets'],
  { prompt }: PromptItem,
  texts: Map<string, string>,
): Promise<{ prompt: unknown; text: string }> {
  if (prompt !== undefined) return { prompt, text: texts.get('prompt') ?? '' };
  const { name: preset, ...given } = parseExact(texts.get('preset') ?? '{}') as Record<string, unknown>;
  const compiled = await presets.compile(String(preset), given);
  assertComplete(compiled);
  return { prompt: compiled.prompt, text: canonical(compiled.prompt) };
}
