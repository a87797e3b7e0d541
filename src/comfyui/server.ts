import type { IncomingMessage } from 'node:http';
import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { jsonOf } from '../core/json.ts';
import { Upstream } from '../runtime/upstream.ts';

/** A file as ComfyUI names it, in one of its own directories. */
export interface ComfyuiFile {
  filename: string;
  subfolder: string;
  /** `output`, `temp` or `input`. */
  type: string;
}

/** Bounds of one answer. */
export interface Limits {
  bytes: number;
  ms: number;
}

export const usualLimits: Limits = { bytes: 128 * 2 ** 20, ms: 30_000 };

/** The HTTP interface of one ComfyUI. Redirects are not followed. Methods throw CacheError UPSTREAM_AWAY and UPSTREAM_SILENT. */
export class ComfyuiServer implements Disposable {
  readonly #upstream: Upstream;
  /** Ends with `/`. */
  readonly url: string;

  constructor(url: string) {
    this.url = url;
    this.#upstream = new Upstream({
      url,
      silenceMs: null,
      called: 'ComfyUI',
      hints: {
        away: 'Start it, or say where it is: AUTOCACHE_COMFYUI_URL in the settings, or `comfyui` in the request (--comfyui).',
        silent: 'It accepts no connection: look at its console.',
      },
    });
  }

  /** The JSON of a GET. @throws Error also when it is not answered with 200 or is no JSON, CacheError BODY_TOO_LARGE */
  async get(path: string, limits: Limits, signal: AbortSignal): Promise<unknown> {
    const { status, text } = await this.#text('GET', path, { body: null, limits, signal });
    if (status !== 200) throw new Error(`${path} is answered with ${status}`);
    return JSON.parse(text);
  }

  /** A POST of a JSON text, as it is. @returns the answer; `body` is undefined when it is no JSON */
  async post(path: string, json: string, limits: Limits, signal: AbortSignal): Promise<{ status: number; body: unknown }> {
    const { status, text } = await this.#text('POST', path, { body: json, limits, signal });
    return { status, body: jsonOf(text) };
  }

  /** The bytes of a file in one of its directories. @throws CacheError NOT_FOUND when it is not there */
  async view({ filename, subfolder, type }: ComfyuiFile, signal: AbortSignal): Promise<IncomingMessage> {
    const path = `view?${new URLSearchParams({ filename, subfolder, type })}`;
    const answer = await this.#upstream.send({ method: 'GET', path, headers: {}, body: null, signal });
    if (answer.statusCode === 200) return answer;
    answer.destroy();
    throw new CacheError('NOT_FOUND', `ComfyUI no longer has ${type}/${subfolder}${subfolder && '/'}${filename}`, {
      hint: 'It answers from its own cache with files that were deleted: POST /free {"free_memory": true} has it compute anew.',
    });
  }

  /** The error for an answer that broke off. */
  brokenOff(error: unknown): CacheError {
    return this.#upstream.brokenOff(error);
  }

  /** Address of the socket on which a client hears of its prompts. */
  socketUrl(clientId: string): string {
    const url = new URL(`ws?${new URLSearchParams({ clientId })}`, this.url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    return url.href;
  }

  [Symbol.dispose](): void {
    this.#upstream[Symbol.dispose]();
  }

  async #text(
    method: string,
    path: string,
    { body, limits, signal }: { body: string | null; limits: Limits; signal: AbortSignal },
  ): Promise<{ status: number; text: string }> {
    const overdue = AbortSignal.timeout(limits.ms);
    const headers = body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    try {
      const ends = AbortSignal.any([signal, overdue]);
      const answer = await this.#upstream.send({ method, path, headers, body, signal: ends });
      return { status: answer.statusCode ?? 0, text: await readAtMost(answer, limits.bytes, path) };
    } catch (error) {
      if (overdue.aborted && !signal.aborted)
        throw new CacheError('UPSTREAM_SILENT', `ComfyUI at ${this.url} does not answer`, {
          hint: 'look at its console',
          cause: error,
        });
      throw this.#upstream.brokenOff(error);
    }
  }
}

async function readAtMost(answer: IncomingMessage, most: number, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw new CacheError('BODY_TOO_LARGE', `ComfyUI answers ${path} with more than ${formatBytes(most)}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
