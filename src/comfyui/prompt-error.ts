import { CacheError, type ErrorBody, type ErrorCode } from '../core/errors.ts';

/** A prompt that ComfyUI refused, or that failed there, with ComfyUI's own words. */
export class PromptError extends CacheError {
  /** ComfyUI's own answer. */
  readonly comfyui: unknown;

  constructor(code: ErrorCode, message: string, { comfyui, hint }: { comfyui: unknown; hint?: string }) {
    super(code, message, hint === undefined ? {} : { hint });
    this.comfyui = comfyui;
  }

  override get body(): ErrorBody & { comfyui: unknown } {
    return { ...super.body, comfyui: this.comfyui };
  }
}

interface Told {
  message?: unknown;
  details?: unknown;
}

/** The error for an answer to `POST /prompt` that queues nothing. */
export function refusal({ status, body }: { status: number; body: unknown }): PromptError {
  const { error, node_errors: nodes } = (body ?? {}) as { error?: unknown; node_errors?: unknown };
  const told = typeof error === 'object' && error !== null ? (error as Told) : { message: error };
  const why = [wordsOf(told) || `it answered ${status}`, firstOf(nodes)].filter((part) => part !== '').join('; ');
  return new PromptError('PROMPT_REFUSED', `ComfyUI refuses the prompt: ${why}`, { comfyui: body ?? null });
}

/** The error for the messages in the history of a prompt that did not succeed. */
export function failure(messages: unknown): PromptError {
  const told = new Map((Array.isArray(messages) ? messages : []) as [string, Record<string, unknown>][]);
  const interrupted = told.get('execution_interrupted');
  if (interrupted) return new PromptError('CANCELLED', 'the prompt was interrupted in ComfyUI', { comfyui: interrupted });
  const error = told.get('execution_error') ?? {};
  const { node_id: node, node_type: type, exception_message: message } = error;
  const where = type === undefined ? '' : ` in node ${String(node)} (${String(type)})`;
  const why = String(message ?? 'it gives no reason').trim();
  return new PromptError('PROMPT_FAILED', `the prompt failed in ComfyUI${where}: ${why}`, { comfyui: error });
}

/** `node 3 (KSampler): Value not in list: sampler_name` */
function firstOf(nodes: unknown): string {
  const [first] = Object.entries((nodes ?? {}) as Record<string, { class_type?: unknown; errors?: unknown } | null>);
  const [id, found] = first ?? [];
  const [error] = (Array.isArray(found?.errors) ? found.errors : []) as Told[];
  return error ? `node ${id} (${String(found?.class_type)}): ${wordsOf(error)}` : '';
}

function wordsOf({ message, details }: Told): string {
  return [message, details].filter((part) => typeof part === 'string' && part !== '').join(': ');
}
