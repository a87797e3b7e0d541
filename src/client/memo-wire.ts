import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import type { MemoBlob, MemoTaken } from '../api/memo.ts';
import { stateDirFromEnvironment } from '../config/env.ts';
import { fromDaemon, isWithin } from '../config/remote.ts';
import { CacheError, type ErrorBody, messageOf } from '../core/errors.ts';
import { Breaker } from './breaker.ts';
import { type BlobBody, CallTimeout } from './connection.ts';
import { type Call, DaemonCalls, JsonText } from './daemon-call.ts';
import type { FoundDaemon } from './daemon-file.ts';
import { KnownDaemon } from './known-daemon.ts';

export interface MemoWireOptions {
  /** Directory of `daemon.json`; default: the state directory of the environment. */
  stateDir?: string;
  /** Longest waits for the connection and for an answer, in ms; default 250 and 1000. */
  timeoutMs?: { connect?: number; answer?: number };
}

interface Asked extends Partial<Pick<Call, 'answerMs' | 'signal'>> {
  /** The body as in a call, or a function that makes it for the daemon that is asked. */
  body?: unknown;
}

/** Interval and timeout of health checks while a caller waits for the daemon, ms. */
const pulse = { everyMs: 2_000, answerMs: 5_000 };
/** Minimum speed of a disk that is waited for, bytes per ms. */
const slowest = 10_000;
const emptySha256 = createHash('sha256').digest('hex');

/** The routes of results, for programs. Every method throws `CacheError`: the daemon's refusal, or `NOT_RUNNING` without an answer. */
export class MemoWire {
  readonly #connectMs: number;
  readonly #answerMs: number;
  readonly #breaker = new Breaker();
  readonly #calls = new DaemonCalls();
  readonly #known: KnownDaemon;

  constructor({ stateDir = stateDirFromEnvironment(), timeoutMs = {} }: MemoWireOptions = {}) {
    this.#connectMs = timeoutMs.connect ?? 250;
    this.#answerMs = timeoutMs.answer ?? 1_000;
    this.#known = new KnownDaemon(stateDir, () => this.#breaker.reset());
  }

  async ask<T>(method: string, path: string, { body, answerMs = this.#answerMs, signal }: Asked = {}): Promise<T> {
    const daemon = await this.#known.find().catch(unreachable);
    const started = this.#breaker.enter();
    if (started === null) throw new CacheError('NOT_RUNNING', 'the daemon did not answer a moment ago');
    try {
      const sent: unknown = typeof body === 'function' ? body(daemon) : body;
      const patience = answerMs === null ? null : this.#breaker.patience(answerMs);
      const call = { method, path, body: sent, connectMs: this.#connectMs, answerMs: patience, ...(signal && { signal }) };
      const { status, text } = await this.#calls.call(daemon, call);
      const answer: unknown = JSON.parse(text);
      if (status === 401) throw new Error('the daemon refuses its token');
      this.#breaker.reset();
      if (status >= 200 && status < 300) return answer as T;
      throw refusalOf(answer, status);
    } catch (error) {
      if (error instanceof CacheError) throw error;
      this.#breaker.failed(started, error instanceof CallTimeout ? 'late' : 'broken');
      this.#known.forget();
      return unreachable(error);
    }
  }

  /**
   * A result, or the right to compute it. Waits at most `waitMs` for another program that computes it, and not for a daemon that
   * no longer answers.
   * @param question the fields that name the result, as JSON without braces
   */
  async take(question: string, { waitMs, leaseMs }: { waitMs: number; leaseMs: number }): Promise<MemoTaken> {
    // A pid of another machine or container would be that of another process there.
    const own = ({ pid }: FoundDaemon) => (pid === 0 ? '' : `,"pid":${process.pid}`);
    const body = (ms: number) => (daemon: FoundDaemon) =>
      new JsonText(`{${question},"waitMs":${ms},"leaseMs":${leaseMs}${own(daemon)}}`);
    const found = await this.ask<MemoTaken>('POST', '/api/memo/take', { body: body(0) });
    if (found.state !== 'timeout' || waitMs === 0) return found;
    const gone = new AbortController();
    const timer = setInterval(() => void this.#answers().catch(() => gone.abort()), pulse.everyMs);
    try {
      const answerMs = waitMs + this.#answerMs;
      return await this.ask('POST', '/api/memo/take', { body: body(waitMs), answerMs, signal: gone.signal });
    } finally {
      clearInterval(timer);
    }
  }

  /** Puts the blobs that the daemon does not have. */
  async upload(blobs: readonly BlobBody[]): Promise<void> {
    if (blobs.length === 0) return;
    const body = { sha256: blobs.map(({ sha256 }) => sha256) };
    const { missing } = await this.ask<{ missing: string[] }>('POST', '/api/memo/blobs/missing', { body });
    for (const blob of blobs.filter(({ sha256 }) => missing.includes(sha256))) {
      await this.ask('PUT', `/api/memo/blobs/${blob.sha256}`, { body: blob, answerMs: this.storeMs(blob.size) });
    }
  }

  /** Timeout for storing this number of bytes, ms. */
  storeMs(size: number): number {
    return 10 * this.#answerMs + size / slowest;
  }

  /** Path at which this program can open a blob; null when it cannot, as in a container. */
  async pathOf({ path, size }: Pick<MemoBlob, 'path' | 'size'>): Promise<string | null> {
    const daemon = await this.#known.find().catch(unreachable);
    const here = fromDaemon(daemon, path);
    if (!daemon.directories.some((directory) => isWithin(here, directory))) return null;
    const stats = await lstat(here).catch(() => null);
    return stats?.isFile() && stats.size === size ? here : null;
  }

  /** The bytes of a blob: from its file, or over the connection. */
  async read(blob: MemoBlob): Promise<Buffer> {
    const path = await this.pathOf(blob);
    const flag = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
    const bytes = path === null ? null : await readFile(path, { flag }).catch(() => null);
    return bytes?.length === blob.size ? bytes : this.#download(blob);
  }

  close(): void {
    this.#calls.close();
  }

  async #download({ sha256, size }: MemoBlob): Promise<Buffer> {
    if (sha256 === emptySha256) return Buffer.alloc(0);
    const daemon = await this.#known.find().catch(unreachable);
    const signal = AbortSignal.timeout(this.storeMs(size));
    const call = { method: 'GET', path: `/api/memo/blobs/${sha256}`, connectMs: this.#connectMs, answerMs: null };
    const answer = await this.#calls.stream(daemon, call, signal).catch(unreachable);
    if ('text' in answer) throw refusalOf(null, answer.status);
    const chunks: Buffer[] = [];
    const hash = createHash('sha256');
    try {
      for await (const chunk of answer) {
        hash.update(chunk);
        chunks.push(chunk);
      }
    } catch (error) {
      return unreachable(error);
    }
    if (hash.digest('hex') !== sha256) throw new CacheError('CORRUPT', 'the blob came with other bytes');
    return Buffer.concat(chunks);
  }

  /** Bypasses the breaker: a timeout of another call does not end a wait. */
  async #answers(): Promise<void> {
    const daemon = await this.#known.find();
    const { answerMs } = pulse;
    await this.#calls.call(daemon, { method: 'GET', path: '/healthz', connectMs: answerMs, answerMs });
  }
}

function refusalOf(answer: unknown, status: number): CacheError {
  const { code, message, hint } = (answer as { error?: Partial<ErrorBody> } | null)?.error ?? {};
  return new CacheError(code ?? 'INTERNAL', message ?? `the daemon answered ${status}`, { ...(hint && { hint }) });
}

function unreachable(cause: unknown): never {
  if (cause instanceof CacheError) throw cause;
  throw new CacheError('NOT_RUNNING', `the daemon does not answer: ${messageOf(cause)}`, { cause });
}
