import type { IncomingMessage } from 'node:http';
import { messageOf } from '../core/errors.ts';
import type { Memo } from '../memo/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Outgoing, Upstream } from '../runtime/upstream.ts';
import { Answers, type Keep } from './answers.ts';
import { headersForClient, headersForServer } from './headers.ts';
import { Models } from './models.ts';
import { type Question, readQuestion } from './question.ts';
import { type Asked, failure, type Reply } from './reply.ts';
import { llmServer } from './upstream.ts';

export interface LlmDeps {
  /** Base address of the server, ending with `/`. */
  url: string;
  /** Maximum time without a byte, null = no limit. */
  silenceMs: number | null;
  memo: Memo;
  clock: Clock;
  log: Log;
}

/** Maximum size of a kept answer, bytes; longer ones only pass. */
const mostKept = 16 * 2 ** 20;

/** A cache before a language model's server: repeatable questions have their answers from the plane of results. */
export class Llm implements AsyncDisposable {
  readonly #upstream: Upstream;
  readonly #answers: Answers;
  readonly #log: Log;
  /** Work after answers were sent. */
  readonly #behind = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor({ url, silenceMs, memo, clock, log }: LlmDeps) {
    this.#upstream = llmServer(url, silenceMs);
    this.#answers = new Answers({ memo, models: new Models(this.#upstream, clock), url });
    this.#log = log;
  }

  /** Forwards a request that is no question, and its answer as it comes. @throws CacheError UPSTREAM_AWAY, UPSTREAM_SILENT, NOT_FOUND */
  pass(outgoing: Outgoing): Promise<IncomingMessage> {
    return this.#upstream.send(outgoing);
  }

  /** Answers a question. A failure of the server is an answer too. */
  async ask(asked: Asked): Promise<Reply> {
    const question = readQuestion(asked.endpoint, asked.written, asked.headers);
    const why = question ? this.#answers.bypassed(question) : 'the body is no object';
    if (!question || why !== null) return this.#fresh(asked, { question, keep: null, why });
    const key = await this.#answers.keyOf(question, asked);
    if (key === null) return this.#fresh(asked, { question, keep: null, why: 'the server does not say which model it has' });
    if (!question.mayRead) return this.#fresh(asked, { question, keep: { key, lease: null } });
    const found = await this.#answers.take(question, key, asked.signal);
    if (found.refresh) this.#refresh(asked, question, { key, lease: found.refresh });
    return found.reply ?? this.#fresh(asked, { question, keep: { key, lease: found.lease } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#behind);
    this.#upstream[Symbol.dispose]();
  }

  /** The answer of the server; kept when it is whole. @param why it is not kept */
  async #fresh(
    asked: Asked,
    { question, keep, why = null }: { question: Question | null; keep: Keep | null; why?: string | null },
  ): Promise<Reply> {
    const { path, headers, authorization, signal } = asked;
    const body = asked.written.bodyText;
    const told = {
      ...headersForServer(headers, authorization),
      // Kept answers are not compressed.
      'accept-encoding': 'identity',
      'content-length': Buffer.byteLength(body),
    };
    try {
      const answer = await this.#upstream.send({ method: 'POST', path, headers: told, body, signal });
      const mark = why === null ? { 'x-autocached': 'MISS' } : { 'x-autocached': 'BYPASS', 'x-autocached-why': why };
      const reply = { status: answer.statusCode ?? 502, headers: { ...headersForClient(answer.headers), ...mark } };
      const received = { ...reply, question, keep };
      if (isEventStream(answer)) return { ...reply, body: this.#streamed(answer, received, signal) };
      const { chunks, rest } = await readUpTo(answer, mostKept);
      if (rest) return { ...reply, body: this.#passed(chunks, rest, keep) };
      const bytes = Buffer.concat(chunks);
      this.#later(this.#answers.keep(received, bytes, false));
      return { ...reply, body: bytes };
    } catch (error) {
      return this.#failed(error, keep, signal);
    }
  }

  /** Passes a stream on as it comes, and keeps it when it is whole. */
  async *#streamed(
    answer: IncomingMessage,
    received: Parameters<Answers['keep']>[0],
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    const { keep } = received;
    const chunks: Buffer[] = [];
    let length = 0;
    let isOver = false;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (keep && length <= mostKept) chunks.push(chunk);
        else chunks.length = 0;
        yield chunk;
      }
      isOver = true;
      const isAll = length <= mostKept;
      if (isAll) this.#later(this.#answers.keep(received, Buffer.concat(chunks), true));
      else this.#answers.release(keep, null);
    } catch (error) {
      isOver = true;
      throw this.#failed(error, keep, signal).error;
    } finally {
      // The client has left before the end.
      if (!isOver) this.#answers.release(keep, null);
    }
  }

  /** Passes an answer that is too long to be kept. */
  async *#passed(chunks: readonly Buffer[], rest: AsyncIterable<Buffer>, keep: Keep | null): AsyncGenerator<Buffer> {
    this.#answers.release(keep, null);
    yield* chunks;
    yield* rest;
  }

  /** Clients that wait for the same answer get the same failure, unless this client has left. */
  #failed(error: unknown, keep: Keep | null, signal: AbortSignal): Reply & { error: Error } {
    const told = failure(this.#upstream.brokenOff(error));
    this.#answers.release(keep, signal.aborted ? null : told);
    return told;
  }

  /** Computes a stale answer anew after it was given. */
  #refresh(asked: Asked, question: Question, keep: Keep): void {
    const work = async () => {
      const { body } = await this.#fresh({ ...asked, signal: this.#closing.signal }, { question, keep });
      if (!Buffer.isBuffer(body)) for await (const _ of body);
    };
    this.#later(work());
  }

  #later(work: Promise<unknown>): void {
    const logged = work
      .catch((error: unknown) => this.#log.warn({ why: messageOf(error) }, 'an answer of the language model was not kept'))
      .finally(() => this.#behind.delete(logged));
    this.#behind.add(logged);
  }
}

function isEventStream({ headers }: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
}

/** @returns the whole body, or its first bytes and the stream of the rest */
async function readUpTo(
  answer: IncomingMessage,
  most: number,
): Promise<{ chunks: Buffer[]; rest: AsyncIterable<Buffer> | null }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > most) return { chunks, rest: answer };
  }
  return { chunks, rest: null };
}
