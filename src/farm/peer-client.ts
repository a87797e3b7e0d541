import { hash } from 'node:crypto';
import { chunkSize } from '../codec/chunk-hash.ts';
import type { Priority } from '../core/types.ts';
import { blockMemory } from '../runtime/block-memory.ts';
import { bufferOf } from '../runtime/buffer-of.ts';
import type { Run } from './directory.ts';
import { connectionKey } from './farm-key.ts';
import type { RequestEnd } from './peer.ts';
import { type PeerAnswer, PeerConnection, type PeerTimes } from './peer-connection.ts';
import * as wire from './peer-wire.ts';

const usualTimes: PeerTimes = { connect: 500, firstByte: 1500, stall: 2000 };
/** Maximum size of a description, bytes. */
const mostTalk = 64 * 1024 * 1024;
/** Idle time after which a connection is opened again, ms: the other side closes it after twice that. */
const idleMs = 15_000;

export interface PeerQuestion {
  /** Such as `https://192.168.1.7:8390`. */
  url: string;
  content: string;
  /** Bytes of the content. */
  size: number;
  run: Run;
  /** Priority of the copy; a busy host serves programs that wait first. */
  priority?: Priority;
  /** The SHA-256 that a chunk must have; null = unknown, the peer's hash is taken. */
  hashOf(chunk: number): string | null;
  /** Takes a chunk that has its hash. Its memory is used again when this resolves. */
  onChunk(chunk: number, bytes: Buffer, sha256: string): Promise<void>;
  /** Called as bytes arrive, with their number. */
  onBytes?(bytes: number): void;
  signal?: AbortSignal;
}

/** Asks the other hosts of the farm. Only a host that proves that it knows the farm's secret is believed. */
export class PeerClient implements Disposable {
  readonly #host: string;
  readonly #secret: Buffer;
  readonly #times: PeerTimes;
  /** Idle connections by address, and the start of their idle time. */
  readonly #idle = new Map<string, { connection: PeerConnection; since: number }[]>();
  /** Memory for chunks that is not in use. */
  readonly #spare: Buffer[] = [];
  #isDisposed = false;

  constructor({ host, key, times = usualTimes }: { host: string; key: Buffer; times?: PeerTimes }) {
    this.#host = host;
    this.#times = times;
    this.#secret = connectionKey(key);
  }

  /** Gets a run of chunks, each checked. Never throws for a fault of the peer: the result tells how the request ended. */
  async chunks(question: PeerQuestion): Promise<RequestEnd> {
    const { url, content, run, signal, priority } = question;
    const path = `/peer/v1/files/${content}/chunks/${run.from}-${run.to}`;
    const asked = { path, ...(priority && { headers: { [wire.priorityHeader]: priority } }) };
    const end = await this.#asked<RequestEnd>(url, asked, signal, async (answer, connection) => {
      if (answer.status === 503) return { is: 'refused', until: performance.now() + pauseOf(answer) };
      if (answer.status !== 200) return { is: answer.status === 404 ? 'gone' : 'silent' };
      const memory = this.#spare.pop() ?? chunkMemory();
      try {
        return await take(answer, connection, memory, question);
      } finally {
        this.#spare.push(memory);
      }
    });
    return end ?? { is: 'silent' };
  }

  /** A host's description of itself; null when it does not answer, or is not of the farm. */
  async hello(url: string): Promise<wire.Hello | null> {
    return (await this.#json(url, '/peer/v1/hello')) as wire.Hello | null;
  }

  /** A host's chunks of a content; null when it does not answer, or has none. */
  async content(url: string, content: string, signal?: AbortSignal): Promise<wire.ContentAnswer | null> {
    return (await this.#json(url, `/peer/v1/files/${content}`, signal)) as wire.ContentAnswer | null;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const idle of this.#idle.values()) for (const { connection } of idle) connection.close();
    this.#idle.clear();
  }

  async #json(url: string, path: string, signal?: AbortSignal): Promise<unknown> {
    return this.#asked(url, { path }, signal, async ({ status, length }, connection) => {
      if (status !== 200 || length > mostTalk) return null;
      const bytes = Buffer.allocUnsafe(length);
      if (!(await connection.read(bytes))) return null;
      try {
        return JSON.parse(bytes.toString('utf8')) as unknown;
      } catch {
        return null;
      }
    });
  }

  /** @returns null when the host does not answer */
  async #asked<T>(
    url: string,
    { path, headers }: { path: string; headers?: Record<string, string> },
    signal: AbortSignal | undefined,
    use: (answer: PeerAnswer, connection: PeerConnection) => Promise<T>,
  ): Promise<T | null> {
    if (signal?.aborted) return null;
    const connection = this.#waiting(url) ?? (await this.#opened(url, signal));
    if (connection === null) return null;
    const end = () => connection.close();
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    try {
      const answer = await connection.get(path, headers);
      return answer && (await use(answer, connection));
    } finally {
      signal?.removeEventListener('abort', end);
      this.#put(url, connection);
    }
  }

  #opened(url: string, signal?: AbortSignal): Promise<PeerConnection | null> {
    return PeerConnection.open(url, { secret: this.#secret, host: this.#host, times: this.#times, signal });
  }

  #waiting(url: string): PeerConnection | null {
    const now = performance.now();
    for (;;) {
      const last = this.#idle.get(url)?.pop();
      if (last === undefined) return null;
      if (last.connection.isFree && now - last.since < idleMs) {
        last.connection.keepsAlive(true);
        return last.connection;
      }
      last.connection.close();
    }
  }

  #put(url: string, connection: PeerConnection): void {
    if (this.#isDisposed || !connection.isFree) {
      connection.close();
      return;
    }
    connection.keepsAlive(false);
    const idle = this.#idle.get(url) ?? [];
    idle.push({ connection, since: performance.now() });
    this.#idle.set(url, idle);
  }
}

/** Written past the page cache from there. */
const chunkMemory = (): Buffer => bufferOf(blockMemory(chunkSize));

/** Reads chunk after chunk, and passes on those with the right hash. */
async function take(
  { headers, length }: PeerAnswer,
  connection: PeerConnection,
  memory: Buffer,
  { run, size, hashOf, onChunk, onBytes }: PeerQuestion,
): Promise<RequestEnd> {
  const said = (headers.get(wire.hashesHeader) ?? '').split(',');
  const { from: start } = wire.placeOf(run.from, size);
  if (length > wire.placeOf(run.to - 1, size).end - start) return { is: 'lied' };
  for (let chunk = run.from; chunk < run.to; chunk++) {
    const { from, end } = wire.placeOf(chunk, size);
    const bytes = memory.subarray(0, Math.max(0, end - from));
    if (!(await connection.read(bytes, onBytes))) return { is: 'silent' };
    // All at once: the pieces that arrive are small, and each call costs.
    const sha256 = hash('sha256', bytes);
    if (sha256 !== (hashOf(chunk) ?? said[chunk - run.from])) return { is: 'lied' };
    await onChunk(chunk, bytes, sha256);
  }
  return { is: 'served' };
}

function pauseOf({ headers }: PeerAnswer): number {
  const ms = Number(headers.get(wire.retryHeader));
  return ms > 0 && ms < 60_000 ? ms : 200;
}
