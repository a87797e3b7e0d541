import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { messageOf } from '../../core/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { readSmallFile } from '../../runtime/small-file.ts';

export interface EmbedderDeps {
  /** Base address of an OpenAI-compatible server, including `/v1/`. */
  url: string;
  model: string;
  /** The file with the server's key; null = it needs none. */
  keyFile: string | null;
  clock: Clock;
  log: Log;
}

const answer = z.object({ data: z.array(z.object({ embedding: z.array(z.number()).min(1).max(16_384) })).min(1) });

/** Deadline of a request, for which a program waits before it computes, ms. */
const deadlineMs = 2000;
const mostAnswerBytes = 1_000_000;
const mostKeyBytes = 10_000;
/** Maximum number of concurrent requests; more are answered as if the server were away. */
const mostAsked = 64;
/** Maximum number of vectors kept between a question and its result. */
const kept = 1000;
/** Backoff after a failure, doubling, ms. */
const pauseMs = { first: 5000, most: 60_000 };

/** Asks a server for the meaning of a text, as a unit vector. A server that does not answer costs similarity, never an answer. */
export class Embedder {
  readonly #deps: EmbedderDeps;
  readonly #known = new LRUCache<string, Promise<Float32Array | null>>({ max: kept });
  #asked = 0;
  #pauseMs = 0;
  /** Monotonic, ms. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(deps: EmbedderDeps) {
    this.#deps = deps;
  }

  /** Names the space of its vectors: only those of one model can be compared. */
  get name(): string {
    return this.#deps.model;
  }

  /** Null when it cannot be had. Never throws. */
  embed(text: string): Promise<Float32Array | null> {
    const known = this.#known.get(text);
    if (known) return known;
    if (this.#isPausing() || this.#asked === mostAsked) return Promise.resolve(null);
    this.#asked += 1;
    const asked = this.#ask(text)
      .catch((error: Error) => this.#failed(text, error))
      .finally(() => {
        this.#asked -= 1;
      });
    this.#known.set(text, asked);
    return asked;
  }

  async #ask(input: string): Promise<Float32Array> {
    const { url, model, keyFile } = this.#deps;
    const key = keyFile === null ? null : await readKey(keyFile);
    const response = await fetch(`${url}embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== null && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ model, input }),
      redirect: 'error',
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await readAtMost(response, mostAnswerBytes);
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${withoutKey(text, key).slice(0, 200)}`);
    const vector = unit(answer.parse(JSON.parse(text)).data[0]?.embedding ?? []);
    this.#pauseMs = 0;
    return vector;
  }

  #isPausing(): boolean {
    return this.#deps.clock.monotonic() < this.#notBefore;
  }

  #failed(text: string, { message, cause }: Error): null {
    this.#known.delete(text);
    // Only the first of concurrent failures counts.
    if (this.#isPausing()) return null;
    this.#pauseMs = Math.min(pauseMs.most, Math.max(pauseMs.first, this.#pauseMs * 2));
    this.#notBefore = this.#deps.clock.monotonic() + this.#pauseMs;
    const why = cause instanceof Error ? cause.message : message;
    this.#deps.log.warn({ why }, 'AUTOCACHE_EMBEDDINGS_URL gives no vectors: texts are compared exactly');
    return null;
  }
}

/** @throws Error, never with the contents of the file */
async function readKey(file: string): Promise<string> {
  const bytes = await readSmallFile(file, mostKeyBytes).catch((error: unknown) => {
    throw new Error(`AUTOCACHE_EMBEDDINGS_KEY_FILE: ${messageOf(error)}`);
  });
  const key = bytes.toString().trim();
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Error(`AUTOCACHE_EMBEDDINGS_KEY_FILE: ${file} does not hold one key`);
  return key;
}

/** Servers repeat a key that they refuse. */
function withoutKey(text: string, key: string | null): string {
  return key === null ? text : text.replaceAll(key, '(the key)');
}

async function readAtMost(response: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > most) throw new Error(`its answer has more than ${most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** @throws Error for one without a direction */
function unit(numbers: readonly number[]): Float32Array {
  const length = Math.hypot(...numbers);
  if (!(length > 0 && Number.isFinite(length))) throw new Error('its vector has no direction');
  return Float32Array.from(numbers, (number) => number / length);
}
