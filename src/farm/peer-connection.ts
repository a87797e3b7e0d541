import type { OnReadOpts } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import * as wire from './peer-wire.ts';

/** Timeouts after which a host is dead for a request: for the connection, the begin of an answer, and its continuation, ms. */
export interface PeerTimes {
  /** Short: the system accepts a connection, however busy its programs are. */
  connect: number;
  /** Timeout for the proof of the secret and the begin of the answer: a program does both, and other programs may come first. */
  firstByte: number;
  /** Timeout for the next `leastStride` bytes: a host that trickles is as good as dead. */
  stall: number;
}

/** Maximum size of a TLS record, bytes: records are decrypted into the same memory again and again. */
const recordBytes = 16 * 1024;
/** Bytes with which the timeout of an answer starts over. */
const leastStride = 64 * 1024;
/** Maximum size of the head of an answer, bytes. */
const mostHead = 8192;
const endOfHead = Buffer.from('\r\n\r\n');

interface OpenPeerOptions {
  secret: Buffer;
  /** The name of this host. */
  host: string;
  times: PeerTimes;
  /** Closes it, at any time. */
  signal?: AbortSignal | undefined;
}

/** The head of an answer. */
export interface PeerAnswer {
  status: number;
  headers: ReadonlyMap<string, string>;
  /** Bytes of its body. */
  length: number;
}

/** Destination of the next bytes; `heard` of them have started the timeout over. */
interface Reading {
  into: Uint8Array;
  filled: number;
  heard: number;
  onBytes(bytes: number): void;
  onEnd(isFilled: boolean): void;
}

/**
 * A connection to another host that has proven that it knows the secret of the farm, for one request after the other. It implements the
 * part of HTTP/1.1 that hosts use, and receives bytes into the caller's memory: Node's own client takes new memory for each record, twice,
 * and collecting it costs more processor time than decrypting, checking and writing together.
 */
export class PeerConnection {
  readonly #socket: TLSSocket;
  readonly #times: PeerTimes;
  readonly #waiting: Patience;
  /** The received part of an answer's head, while one is waited for. */
  #head: { bytes: Buffer; onWhole: (text: string | null) => void } | null = null;
  /** Bytes that came before they were asked for. */
  #early: Buffer[] = [];
  #reading: Reading | null = null;
  /** Unread bytes of the answer. */
  #left = 0;
  #isBroken = false;

  private constructor(socket: TLSSocket, times: PeerTimes) {
    this.#socket = socket;
    this.#times = times;
    this.#waiting = new Patience(() => this.close());
  }

  /** @returns null when the host takes no connection in time, or does not know the secret */
  static open(url: string, { secret, host, times, signal }: OpenPeerOptions): Promise<PeerConnection | null> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve) => {
      const end = () => made.close();
      signal?.addEventListener('abort', end, { once: true });
      const options: ConnectionOptions & { onread: OnReadOpts } = {
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port),
        ciphers: wire.ciphers,
        minVersion: 'TLSv1.2',
        pskCallback: () => ({ psk: secret, identity: host }),
        // Overrides the environment's settings for certificates: only the shared secret proves a host.
        rejectUnauthorized: true,
        checkServerIdentity: (_name, certificate) =>
          Object.keys(certificate).length === 0 ? undefined : new Error('a certificate proves no host of a farm'),
        onread: { buffer: Buffer.allocUnsafe(recordBytes), callback: (bytes, memory) => made.#take(memory.subarray(0, bytes)) },
      };
      const socket = connect(options);
      const made = new PeerConnection(socket, times);
      socket.setNoDelay();
      socket.once('connect', () => made.#waiting.begin(times.firstByte));
      socket.once('secureConnect', () => {
        made.#waiting.end();
        resolve(made);
      });
      socket.on('error', () => {});
      socket.once('end', () => made.close());
      socket.once('close', () => {
        signal?.removeEventListener('abort', end);
        made.#broke();
        resolve(null);
      });
      made.#waiting.begin(times.connect);
      if (signal?.aborted) end();
    });
  }

  /** Whether all of the answer was read, so that it can be asked again. */
  get isFree(): boolean {
    return !this.#isBroken && this.#left === 0 && this.#early.length === 0;
  }

  /** Whether an unused connection keeps this process alive. */
  keepsAlive(does: boolean): void {
    if (does) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Asks; the connection must be free. @returns null when the answer does not begin in time */
  async get(path: string, headers: Record<string, string> = {}): Promise<PeerAnswer | null> {
    if (this.#isBroken) return null;
    this.#waiting.begin(this.#times.firstByte);
    const head = await new Promise<string | null>((onWhole) => {
      this.#head = { bytes: Buffer.alloc(0), onWhole };
      const lines = Object.entries({ host: 'peer', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
      this.#socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
      this.#socket.resume();
    });
    const answer = head === null ? null : answerIn(head);
    if (answer === null) this.close();
    else this.#left = answer.length;
    return answer;
  }

  /**
   * Fills all of the memory with the next bytes of the body.
   * @param onBytes called as they arrive, with their number
   * @returns false when they did not come
   */
  async read(into: Uint8Array, onBytes: (bytes: number) => void = () => {}): Promise<boolean> {
    if (into.length > this.#left) return false;
    if (into.length === 0) return true;
    this.#left -= into.length;
    const early = this.#early;
    this.#early = [];
    const filled = new Promise<boolean>((onEnd) => {
      this.#reading = { into, filled: 0, heard: 0, onBytes, onEnd };
    });
    for (const bytes of early) this.#take(bytes);
    if (this.#reading && this.#isBroken) this.#broke();
    else if (this.#reading) {
      this.#waiting.begin(this.#times.stall);
      this.#socket.resume();
    }
    return filled;
  }

  close(): void {
    this.#socket.destroy();
    this.#broke();
  }

  /** @returns whether more may come at once */
  #take(bytes: Uint8Array): boolean {
    if (this.#head) return this.#takeHead(bytes);
    const reading = this.#reading;
    const taken = reading ? Math.min(bytes.length, reading.into.length - reading.filled) : 0;
    if (taken < bytes.length) this.#early.push(Buffer.from(bytes.subarray(taken)));
    if (!reading) return false;
    reading.into.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), reading.filled);
    reading.filled += taken;
    if (reading.filled < reading.into.length) {
      this.#goOn(reading);
      return true;
    }
    reading.onBytes(reading.filled - reading.heard);
    this.#waiting.end();
    this.#reading = null;
    reading.onEnd(true);
    return false;
  }

  #goOn(reading: Reading): void {
    const bytes = reading.filled - reading.heard;
    if (bytes < leastStride) return;
    reading.heard = reading.filled;
    this.#waiting.goOn();
    reading.onBytes(bytes);
  }

  #takeHead(bytes: Uint8Array): boolean {
    if (!this.#head) return false;
    const { bytes: before, onWhole } = this.#head;
    const all = Buffer.concat([before, bytes]);
    const end = all.indexOf(endOfHead);
    this.#head.bytes = all;
    if (end === -1 && all.length < mostHead) return true;
    this.#waiting.end();
    this.#head = null;
    if (end === -1) this.close();
    else if (all.length > end + endOfHead.length) this.#early.push(all.subarray(end + endOfHead.length));
    onWhole(end === -1 ? null : all.toString('latin1', 0, end));
    return false;
  }

  #broke(): void {
    this.#isBroken = true;
    this.#waiting.end();
    const [head, reading] = [this.#head, this.#reading];
    this.#head = null;
    this.#reading = null;
    head?.onWhole(null);
    reading?.onEnd(false);
  }
}

/** @returns null unless it is an answer with a length */
function answerIn(head: string): PeerAnswer | null {
  const [first = '', ...lines] = head.split('\r\n');
  const [, status] = /^HTTP\/1\.1 (\d{3})(?: |$)/.exec(first) ?? [];
  const headers = new Map(lines.map((line) => [nameIn(line), line.slice(line.indexOf(':') + 1).trim()]));
  const length = headers.get('content-length') ?? '';
  if (status === undefined || !/^\d{1,15}$/.test(length)) return null;
  return { status: Number(status), headers, length: Number(length) };
}

function nameIn(line: string): string {
  return line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase();
}

/** A timeout for a host. Bytes that arrived while this process was stopped are heard before it ends. */
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

  /** The host was heard: the timeout starts over. */
  goOn(): void {
    clearImmediate(this.#lastLook);
    this.#timer?.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#lastLook);
  }
}
