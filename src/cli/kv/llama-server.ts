import { text } from 'node:stream/consumers';
import { CacheError } from '../../core/errors.ts';
import { jsonOf } from '../../core/json.ts';
import { lastName } from '../../core/last-name.ts';
import { llmServer, serverOf } from '../../llm/upstream.ts';
import type { Upstream } from '../../runtime/upstream.ts';

/** The model and the program of a saved slot: no other can read it. */
export interface Identity {
  model: string;
  /** Shape, size and type of the model's file, from the server. */
  shape: string;
  build: string;
}

/** Figures of one request for one token. */
export interface Computed {
  /** Tokens of the prompt. */
  tokens: number;
  /** Tokens that were not computed; null when the server does not report them. */
  reused: number | null;
  /** Time of computing the others, ms. */
  ms: number;
}

interface Props {
  build_info?: unknown;
  model_path?: unknown;
  total_slots?: unknown;
}

interface Timings {
  cache_n?: number;
  prompt_n?: number;
  prompt_ms?: number;
}

/** The API of llama.cpp's server, as far as slots need it. Methods throw CacheError. */
export class LlamaServer implements Disposable {
  readonly #upstream: Upstream;
  readonly url: string;

  /** @param url ends with `/`; that of its API counts too */
  constructor(url: string) {
    this.url = serverOf(url);
    // A long prompt takes minutes, in which the server sends nothing.
    this.#upstream = llmServer(this.url, null);
  }

  /** @throws CacheError BAD_REQUEST when it is another server, or has no such slot: it would accept any number */
  async identity(slot: number): Promise<Identity> {
    const { build_info: build, model_path: path, total_slots: slots } = await this.#ask<Props>('GET', 'props');
    const { data } = await this.#ask<{ data?: { meta?: Record<string, unknown> }[] }>('GET', 'v1/models');
    if (typeof build !== 'string' || typeof path !== 'string')
      throw new CacheError('BAD_REQUEST', `the server at ${this.url} is not llama.cpp`, {
        hint: 'Only its slots can be saved.',
      });
    if (typeof slots === 'number' && slot >= slots)
      throw new CacheError('BAD_REQUEST', `the server has no slot ${slot}`, {
        hint: slots === 1 ? 'Its only slot is 0.' : `Its slots are 0 to ${slots - 1}.`,
      });
    // The length of its context depends on its start, not on the model.
    const { n_ctx: _, ...shape } = data?.[0]?.meta ?? {};
    return { model: lastName(path), shape: JSON.stringify(shape), build };
  }

  /** The text that the model sees for messages. */
  async promptOf(messages: unknown): Promise<string> {
    return (await this.#ask<{ prompt: string }>('POST', 'apply-template', { messages })).prompt;
  }

  /** The tokens of a prompt, as `compute` has them. */
  async tokensOf(prompt: string): Promise<number[]> {
    const question = { content: prompt, add_special: true, parse_special: true };
    return (await this.#ask<{ tokens: number[] }>('POST', 'tokenize', question)).tokens;
  }

  /** Computes a prompt in a slot, and one token after it. @param prompt a text, or tokens and texts one after the other */
  async compute(prompt: string | (number | string)[], slot: number): Promise<Computed> {
    const question = { prompt, id_slot: slot, n_predict: 1, cache_prompt: true, temperature: 0 };
    const answer = await this.#ask<{ timings?: Timings; tokens_evaluated?: number }>('POST', 'completion', question);
    const { cache_n: reused = null, prompt_n: computed, prompt_ms: ms = 0 } = answer.timings ?? {};
    const tokens = answer.tokens_evaluated ?? (computed ?? 0) + (reused ?? 0);
    // Versions without the first field report the number that they computed.
    return { tokens, reused: reused ?? (computed === undefined ? null : tokens - computed), ms };
  }

  async save(slot: number, filename: string): Promise<{ tokens: number; bytes: number }> {
    const { n_saved: tokens = 0, n_written: bytes = 0 } = await this.#act<{ n_saved?: number; n_written?: number }>(
      slot,
      'save',
      {
        filename,
      },
    );
    return { tokens, bytes };
  }

  /** @returns the number of tokens that the server reports as restored */
  async restore(slot: number, filename: string): Promise<number> {
    const { n_restored: tokens = 0 } = await this.#act<{ n_restored?: number }>(slot, 'restore', { filename });
    return tokens;
  }

  async erase(slot: number): Promise<void> {
    await this.#act(slot, 'erase', {});
  }

  [Symbol.dispose](): void {
    this.#upstream[Symbol.dispose]();
  }

  #act<T>(slot: number, action: string, body: object): Promise<T> {
    return this.#ask<T>('POST', `slots/${slot}?action=${action}`, body);
  }

  async #ask<T>(method: string, path: string, question?: object): Promise<T> {
    const body = question ? JSON.stringify(question) : null;
    const headers = body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const { signal } = new AbortController();
    const answer = await this.#upstream.send({ method, path, headers, body, signal });
    const written = await text(answer).catch((error: unknown) => {
      throw this.#upstream.brokenOff(error);
    });
    return this.#read<T>(path, answer.statusCode ?? 0, written);
  }

  #read<T>(path: string, status: number, written: string): T {
    const json = jsonOf(written) as { error?: { message?: string } } | null | undefined;
    if (status === 200 && typeof json === 'object' && json !== null) return json as T;
    const why = json?.error?.message ?? 'it says no more';
    throw new CacheError('CONFLICT', `the server refuses ${path.split('?', 1)[0]} (${status}): ${why}`, {
      hint: hintFor(path, status, why),
    });
  }
}

/** The remedy for a refusal; llama.cpp's words are those of its `server-context.cpp`. */
function hintFor(path: string, status: number, why: string): string {
  if (/multimodal/i.test(why)) return 'Start it without --mmproj: this version saves no slots of a model with images.';
  if (status === 501) return 'Start it with --slot-save-path DIR.';
  if (status === 401) return 'It wants a key: start it without one on this machine.';
  if (status === 503) return 'Try again when it has loaded its model.';
  if (/context size|context length/i.test(why)) return 'Start it with a longer context (-c), or give a shorter prompt.';
  if (path.endsWith('?action=restore'))
    return 'Its file is gone, or another context was set (-c, --cache-type-k): save the prompt again.';
  return 'Is it a llama.cpp server of one model (no router)?';
}
