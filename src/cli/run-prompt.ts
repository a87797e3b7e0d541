import type { PromptAnswer, PromptRunProgress } from '../api/prompts.ts';
import { JsonText } from '../client/daemon-call.ts';
import { CacheError, type ErrorBody } from '../core/errors.ts';
import { openPromptView } from './prompt-view.ts';
import { clientOf, type Session } from './session.ts';

/** Options of a run. */
export interface PromptFlags {
  watch?: true;
  fresh?: true;
  comfyui?: string;
  repeatable?: string[];
  ttl?: string;
  tag?: string[];
}

type RunEvent =
  | { name: 'progress'; data: PromptRunProgress }
  | { name: 'done'; data: PromptAnswer }
  | { name: 'failed'; data: { error: ErrorBody } };

/**
 * Has the daemon run a prompt, or find its result.
 * @param prompt its JSON @throws CacheError the daemon's own and ComfyUI's words, NOT_RUNNING
 */
export async function runPromptOf(session: Session, prompt: string, flags: PromptFlags): Promise<PromptAnswer> {
  const { watch = false, fresh, comfyui, repeatable, ttl, tag: tags } = flags;
  const more = JSON.stringify({ watch: true, fresh, comfyui, repeatable, ttl, tags });
  const body = new JsonText(`{"prompt":${prompt},${more.slice(1)}`);
  const client = await clientOf(session);
  using view = openPromptView(session, watch);
  for await (const event of await client.stream<RunEvent>('POST', '/api/prompts/run', { body, signal: session.unread })) {
    if (event.name === 'progress') view.update(event.data);
    if (event.name === 'done') return event.data;
    if (event.name === 'failed') throw errorOf(event.data.error);
  }
  throw new CacheError('NOT_RUNNING', 'the daemon went away before the prompt was done', { hint: 'autocached start' });
}

function errorOf({ code, message, hint }: ErrorBody): CacheError {
  return new CacheError(code, message, hint === null ? {} : { hint });
}
