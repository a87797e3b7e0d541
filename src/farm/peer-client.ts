import { createHash, type Hash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Run } from './directory.ts';
import { connectionKey } from './farm-key.ts';
import * as wire from './peer-wire.ts';
import type { RequestEnd } from './swarm.ts';

/** A host is dead, for a request, when it does not take a connection, begin to answer, or go on within these times, ms. */
export interface PeerTimes {
  /** The system takes a connection, however busy its programs are. */
  connect: number;
  /** Proof of the secret, and begin of the answer: a program does that, and other programs may come first. */
  firstByte: number;
  stall: number;
}

const usualTimes: PeerTimes = { connect: 500, firstByte: 1500, stall: 2000 };
/** Bytes of a description. */
const mostTalk = 64 * 1024 * 1024;

export interface PeerQuestion {
  /** Such as `https://192.168.1.7:8390`. */
  url: string;
  content: string;
  /** Bytes of the content. */
  size: number;
  run: Run;
  /** The SHA-256 that a chunk has to have; null = unknown, the peer's word is taken. */
  hashOf(chunk: number): string | null;
  /** Takes a chunk that has its hash. The memory is the taker's. */
  onChunk(chunk: number, bytes: Buffer, sha256: string): Promise<void>;
  signal?: AbortSignal;
}

/** Asks the other hosts of the farm. Only a host that knows the farm's secret is believed to be one. */
export class PeerClient implements Disposable {
  readonly #agent: Agent;
  readonly #times: PeerTimes;

  constructor({ host, key, times = usualTimes }: { host: string; key: Buffer; times?: PeerTimes }) {
    this.#times = times;
    const secret = connectionKey(key);
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 64,
      timeout: 30_000,
      ciphers: wire.ciphers,
      minVersion: 'TLSv1.2',
      pskCallback: () => ({ psk: secret, identity: host }),
      // Whatever the environment says of certificates: only the shared secret proves a host.
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) =>
        Object.keys(certificate).length === 0 ? undefined : new Error('a certificate proves no host of a farm'),
    });
  }

  /** Gets a run of chunks, each checked. Never throws for what the peer does: it says how the request ended. */
  async chunks(question: PeerQuestion): Promise<RequestEnd> {
    const { url, content, run } = question;
    const answer = await this.#get(`${url}/peer/v1/files/${content}/chunks/${run.from}-${run.to}`, question.signal);
    if (answer === null) return { is: 'silent' };
    try {
      if (answer.statusCode === 503) return { is: 'refused', until: performance.now() + pauseOf(answer) };
      if (answer.statusCode !== 200) return { is: answer.statusCode === 404 ? 'gone' : 'silent' };
      return await take(answer, question, this.#times.stall);
    } finally {
      answer.destroy();
    }
  }

  /** What a host says of itself, null when it does not answer, or is none of the farm. */
  async hello(url: string): Promise<wire.Hello | null> {
    return (await this.#json(`${url}/peer/v1/hello`)) as wire.Hello | null;
  }

  /** What a host has of a content; null when it does not answer, or has nothing. */
  async content(url: string, content: string): Promise<wire.ContentAnswer | null> {
    return (await this.#json(`${url}/peer/v1/files/${content}`)) as wire.ContentAnswer | null;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #json(url: string): Promise<unknown> {
    const answer = await this.#get(url);
    if (answer === null) return null;
    try {
      if (answer.statusCode !== 200) return null;
      const parts: Buffer[] = [];
      let bytes = 0;
      for await (const part of answer as AsyncIterable<Buffer>) {
        bytes += part.length;
        if (bytes > mostTalk) return null;
        parts.push(part);
      }
      return JSON.parse(Buffer.concat(parts).toString('utf8'));
    } catch {
      return null;
    } finally {
      answer.destroy();
    }
  }

  /** @returns null when it does not answer in time */
  #get(url: string, signal?: AbortSignal): Promise<IncomingMessage | null> {
    return new Promise((resolve) => {
      const asked: ClientRequest = request(url, { agent: this.#agent });
      const end = () => asked.destroy();
      // Its own signal would raise an error on a connection that nobody listens to.
      signal?.addEventListener('abort', end, { once: true });
      asked.on('close', () => signal?.removeEventListener('abort', end));
      if (signal?.aborted) end();
      const waiting = new Patience(end);
      waiting.begin(this.#times.connect);
      const connected = () => waiting.begin(this.#times.firstByte);
      asked.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', connected);
        else connected();
      });
      asked.on('response', (answer) => {
        waiting.end();
        answer.on('error', () => {});
        resolve(answer);
      });
      asked.on('error', () => {
        waiting.end();
        resolve(null);
      });
      asked.end();
    });
  }
}

/** Waits for a host for so long. What arrived while this process itself stood still is heard first. */
class Patience {
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  begin(ms: number): void {
    this.end();
    this.#timer = setTimeout(() => {
      this.#lastLook = setImmediate(this.#onEnd);
    }, ms);
  }

  end(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#lastLook);
  }
}

/** Reads chunk after chunk, and gives on those that have their hash. */
async function take(
  answer: IncomingMessage,
  { run, size, hashOf, onChunk }: PeerQuestion,
  stallMs: number,
): Promise<RequestEnd> {
  const said = String(answer.headers[wire.hashesHeader] ?? '').split(',');
  const expected = (chunk: number) => hashOf(chunk) ?? said[chunk - run.from] ?? '';
  let chunk = run.from;
  let filling = fillingOf(chunk, size);
  const waiting = new Patience(() => answer.destroy());
  waiting.begin(stallMs);
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      waiting.end();
      for (let rest = part; rest.length > 0; ) {
        if (chunk === run.to) return { is: 'lied' };
        rest = rest.subarray(add(filling, rest));
        if (filling.filled < filling.bytes.length) continue;
        const sha256 = filling.hash.digest('hex');
        if (sha256 !== expected(chunk)) return { is: 'lied' };
        await onChunk(chunk, filling.bytes, sha256);
        chunk++;
        filling = fillingOf(chunk, size);
      }
      waiting.begin(stallMs);
    }
  } catch {
    // It broke off.
  } finally {
    waiting.end();
  }
  return { is: chunk === run.to ? 'served' : 'silent' };
}

interface Filling {
  bytes: Buffer;
  filled: number;
  hash: Hash;
}

function fillingOf(chunk: number, size: number): Filling {
  const { from, end } = wire.placeOf(chunk, size);
  return { bytes: Buffer.allocUnsafe(Math.max(0, end - from)), filled: 0, hash: createHash('sha256') };
}

/** @returns the number of bytes that belonged to the chunk */
function add(filling: Filling, part: Buffer): number {
  const taken = part.copy(filling.bytes, filling.filled);
  filling.hash.update(part.subarray(0, taken));
  filling.filled += taken;
  return taken;
}

function pauseOf(answer: IncomingMessage): number {
  const ms = Number(answer.headers[wire.retryHeader]);
  return ms > 0 && ms < 60_000 ? ms : 200;
}
