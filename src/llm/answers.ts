import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { askerUntil } from '../memo/asker.ts';
import { keyOf } from '../memo/keys.ts';
import type { Memo } from '../memo/memo.ts';
import { isFinished, textOf } from './finished.ts';
import { headersForServer } from './headers.ts';
import type { Models } from './models.ts';
import type { Question } from './question.ts';
import { type Asked, accountOf, type Reply } from './reply.ts';
import { retell } from './retell.ts';

/** All answers are results of this namespace. */
const ns = 'llm';
/** Time for which answers are fresh, unless the namespace sets another, ms. */
const usualTtlMs = 3600_000;
/** Maximum time that equal questions wait for one answer, ms: clients wait as long. */
const waitMs = 600_000;
const mostTag = 200;

/** Where an answer is kept, with the right to compute it. */
export interface Keep {
  key: string;
  lease: string | null;
}

/** An answer that is not kept, for the clients that wait for it. */
interface Unkept {
  status: number;
  headers: Record<string, string>;
  isStream: boolean;
  text: string;
}

/** An answer as the server gave it. */
interface Received {
  status: number;
  headers: OutgoingHttpHeaders;
  question: Question | null;
  keep: Keep | null;
}

interface Taken {
  reply: Reply | null;
  /** The lease to compute the answer; null when no client waits for it. */
  lease: string | null;
  /** The lease to compute a stale answer anew. */
  refresh: string | null;
}

/** The answer of `take` in the plane of results. */
interface TakeAnswer {
  state: 'hit' | 'stale' | 'compute' | 'timeout' | 'error';
  ageMs?: number;
  path?: string;
  contentType?: string;
  lease?: string;
  refresh?: string;
  error?: string;
}

/** The answers that are kept: results whose blob is an answer as the server wrote it, and whose content type is its form. */
export class Answers {
  readonly #memo: Memo;
  readonly #models: Models;
  readonly #url: string;

  /** @param deps.url of the server */
  constructor({ memo, models, url }: { memo: Memo; models: Models; url: string }) {
    this.#memo = memo;
    this.#models = models;
    this.#url = url;
  }

  /** Why the answer to a question is neither looked for nor kept; null when it is. */
  bypassed({ unrepeatable, mayStore }: Question): string | null {
    if (this.#memo.mode === 'off') return 'results are off';
    return mayStore ? unrepeatable : 'no-store';
  }

  /** The key, which covers everything that can change the answer. Null when that cannot be known. */
  async keyOf(question: Question, asked: Asked): Promise<string | null> {
    const account = accountOf(asked);
    const {
      accept: _,
      'content-type': __,
      'content-length': ___,
      ...headers
    } = headersForServer(asked.headers, asked.authorization);
    const models = await this.#models.behind(question.model, account, headers);
    if (models === null) return null;
    const about = JSON.stringify({ url: this.#url, path: asked.path, account, models });
    try {
      return keyOf(ns, this.#memo.versionOf(ns), `[${about},${question.body}]`);
    } catch {
      // The server refuses a body without a canonical form, such as one of 1000 levels.
      return null;
    }
  }

  /** The answer to a question, or the right to ask the server. Waits while another client does. */
  async take(question: Question, key: string, signal: AbortSignal): Promise<Taken> {
    const taken = JSON.parse(await this.#memo.take({ ns, key, as: 'path' }, askerUntil(signal), waitMs)) as TakeAnswer;
    const { state, lease = null, refresh = null, error, ageMs = 0 } = taken;
    if (error !== undefined) return { reply: unkeptReply(JSON.parse(error) as Unkept, question), lease, refresh };
    if (taken.path === undefined) return { reply: null, lease, refresh };
    const { contentType = '' } = taken;
    const text = await readFile(taken.path, 'utf8').catch(() => null);
    const mark = { 'x-autocached': state === 'stale' ? 'STALE' : 'HIT', age: String(Math.floor(ageMs / 1000)) };
    return { reply: text === null ? null : told(text, contentType, question, { status: 200, mark }), lease, refresh };
  }

  /** Keeps an answer that is whole. Waiting clients get it in any case. */
  async keep({ status, headers, question, keep }: Received, bytes: Buffer, isStream: boolean): Promise<void> {
    if (!keep || !question) return;
    try {
      if (status !== 200 || !isFinished(bytes, isStream, question)) return;
      const blob = await this.#memo.blobs.store({ bytes: [bytes], size: bytes.length, sha256: null });
      if (!blob) return;
      const ttl = this.#memo.settingsOf(ns).ttlMs === undefined ? { ttlMs: usualTtlMs } : {};
      const tags = question.model === '' ? [] : [`model:${question.model}`.slice(0, mostTag)];
      const given = { blob: blob.sha256, contentType: isStream ? stream : whole };
      await this.#memo.put({ ns, ...keep, given, tags, deps: [], costMs: null, label: null, negative: false, ...ttl });
    } finally {
      // Without effect when the waiting clients have the answer.
      this.release(keep, unkeptOf({ status, headers, body: bytes }, isStream));
    }
  }

  /** Gives the right to compute back; the waiting clients get the reply, or the first of them gets the right. */
  release(keep: Keep | null, reply: Unkept | (Reply & { body: Buffer }) | null): void {
    if (!keep?.lease) return;
    const unkept = reply !== null && 'body' in reply ? unkeptOf(reply, false) : reply;
    this.#memo.release(keep.lease, unkept && JSON.stringify(unkept));
  }
}

const stream = 'text/event-stream';
const whole = 'application/json';

/** The headers that waiting clients need. */
const passedOn = ['content-type', 'retry-after'];

function unkeptOf({ status, headers, body }: Reply & { body: Buffer }, isStream: boolean): Unkept | null {
  const text = textOf(body);
  const some = passedOn.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]]));
  return text === null ? null : { status, headers: Object.fromEntries(some), isStream, text };
}

function unkeptReply({ status, headers, isStream, text }: Unkept, question: Question): Reply | null {
  const mark = { 'x-autocached': 'MISS' };
  if (status === 200) return told(text, isStream ? stream : whole, question, { status, mark });
  return { status, headers: { ...headers, ...mark }, body: Buffer.from(text) };
}

/** A known answer in the form that is asked for; null when that is not possible. */
function told(
  text: string,
  contentType: string,
  question: Question,
  { status, mark }: { status: number; mark: OutgoingHttpHeaders },
): Reply | null {
  try {
    const wasStream = contentType === stream;
    const body = retell(text, wasStream, question);
    if (body === null) return null;
    const type = question.isStream ? stream : wasStream ? whole : contentType;
    return { status, headers: { 'content-type': type, ...mark }, body: Buffer.from(body) };
  } catch {
    // A finished body that is not JSON is no answer.
    return null;
  }
}
