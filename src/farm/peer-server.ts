import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../runtime/errnos.ts';
import type { Log } from '../runtime/log.ts';
import { pageAligned, pageBytes } from '../runtime/uncached.ts';
import type { ChunkSet } from './chunk-set.ts';
import type { Run } from './directory.ts';
import { connectionKey } from './farm-key.ts';
import * as wire from './peer-wire.ts';

/** A content that this host gives to others. */
export interface SharedContent {
  /**
   * A copy, finished or being made: its present chunks are final. Null when it has left. These chunks are read from it, whole pages
   * into memory that begins at a page.
   */
  open(chunks: readonly number[]): Promise<FileHandle | null>;
  size: number;
  has: ChunkSet;
  /** Chunk -> SHA-256, of the present chunks. */
  hashes: ReadonlyMap<number, string>;
  /** Finds the SHA-256 of a chunk that has none there yet; undefined when the chunk is damaged. Absent where all are there. */
  hash?(chunk: number): Promise<string | undefined>;
}

export interface PeerServerOptions {
  farm: string;
  host: string;
  /** The secret of the farm. */
  key: Buffer;
  listen: { host: string; port: number };
  /** Finds a content by its name. */
  contentOf(name: string): SharedContent | undefined;
  /** Whether this host fetches the rest of a content, and the directory answers it. */
  claims?(name: string): Promise<boolean>;
  /** Resolves when bytes may leave, at most the given number. @param isAwaited whether a program of the asker waits for them */
  turn(bytes: number, isAwaited: boolean): Promise<number>;
  /** Whether others should come again later: this host's programs come first. */
  isBusy?(): boolean;
  log: Log;
}

/** Maximum number of uploads at once; further askers are told to come again. */
const mostUploads = 8;
/** Maximum of these that no program waits for, so that an awaited one finds a place. */
const mostUnawaited = 6;
const retryMs = 200;
/** Maximum number of connections at once, of all hosts, and of one address: a farm has a hundred hosts, each with a few. */
const mostConnections = 512;
const mostOfAddress = 32;
/** Timeouts of a connection for its handshake, and for a request or the taking of an answer, ms. */
const handshakeMs = 3000;
const idleMs = 30_000;
/** Time for which a taken address is tried again, and the pause between two tries, ms: the daemon before this one may be ending. */
const takenMs = 5000;
const takenAgainMs = 100;
/** Bytes of a read and a write. */
const pieceSize = 512 * 1024;

const contentPath = /^\/peer\/v1\/files\/([\da-f]{64})$/;
const chunksPath = /^\/peer\/v1\/files\/([\da-f]{64})\/chunks\/(\d{1,7})-(\d{1,7})$/;

/**
 * Gives chunks to the other hosts of the farm alone: TLS whose secret all hosts share proves both sides to each other
 * and encrypts, without a certificate. It reads only files that `contentOf` names.
 */
export class PeerServer implements AsyncDisposable {
  readonly #options: PeerServerOptions;
  readonly #server: Server;
  readonly #connections = new Map<Socket, string>();
  #uploads = 0;
  /** Memory for pieces that is not in use. */
  readonly #spare: Uint8Array[] = [];

  /** Uploads and bytes given since the start. */
  readonly given = { chunks: 0, bytes: 0 };

  private constructor(options: PeerServerOptions) {
    this.#options = options;
    const secret = connectionKey(options.key);
    this.#server = createServer(
      {
        pskCallback: () => secret,
        ciphers: wire.ciphers,
        minVersion: 'TLSv1.2',
        handshakeTimeout: handshakeMs,
        maxHeaderSize: 8192,
        requestTimeout: idleMs,
        headersTimeout: idleMs,
        keepAliveTimeout: idleMs,
        connectionsCheckingInterval: 5000,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = mostConnections;
    this.#server.on('connection', (socket: Socket) => this.#admit(socket));
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** @throws the system's error when the address cannot be had */
  static async listen(options: PeerServerOptions): Promise<PeerServer> {
    const { host, port } = options.listen;
    const server = new PeerServer(options);
    const since = performance.now();
    for (;;) {
      server.#server.listen(port, host);
      try {
        await once(server.#server, 'listening');
        return server;
      } catch (error) {
        if (errnoOf(error) !== 'EADDRINUSE' || performance.now() - since > takenMs) throw error;
        await sleep(takenAgainMs);
      }
    }
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const before = [...this.#connections.values()].filter((one) => one === address).length;
    if (before >= mostOfAddress) {
      socket.destroy();
      return;
    }
    this.#connections.set(socket, address);
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(socket));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    response.setTimeout(idleMs, () => response.destroy());
    try {
      await this.#route(request, response);
    } catch (err) {
      this.#options.log.warn({ err }, 'a chunk could not be given to a host of the farm');
      // A partly sent answer cannot be taken back: the other side notices that it is short.
      if (response.headersSent) response.destroy();
      else say(response, 500);
    }
  }

  async #route({ method, url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { farm, host } = this.#options;
    if (method !== 'GET') return say(response, 405);
    if (url === '/peer/v1/hello') {
      const { highest: version, lowest } = wire.ownVersions;
      return json(response, { version, lowest, host, farm } satisfies wire.Hello);
    }
    const [, name] = contentPath.exec(url) ?? [];
    if (name !== undefined) return this.#describe(name, response);
    const [, content, from, to] = chunksPath.exec(url) ?? [];
    if (content === undefined) return say(response, 404);
    return this.#give(
      content,
      { from: Number(from), to: Number(to), isAwaited: headers[wire.priorityHeader] === 'wait' },
      response,
    );
  }

  async #describe(name: string, response: ServerResponse): Promise<void> {
    const content = this.#options.contentOf(name);
    if (content === undefined) {
      say(response, 404);
      return;
    }
    const { size, has } = content;
    const claims = (await this.#options.claims?.(name)) ?? false;
    const have = Buffer.from(has.bytes()).toString('base64');
    json(response, { size, have, claims } satisfies wire.ContentAnswer);
  }

  async #give(name: string, { from, to, isAwaited }: Run & { isAwaited: boolean }, response: ServerResponse): Promise<void> {
    const content = this.#options.contentOf(name);
    const chunks = Array.from({ length: Math.max(0, Math.min(to - from, wire.mostChunks + 1)) }, (_, index) => from + index);
    if (chunks.length === 0 || chunks.length > wire.mostChunks) return say(response, 416);
    if (content === undefined || !chunks.every((chunk) => content.has.has(chunk))) return say(response, 404);
    if (this.#uploads >= (isAwaited ? mostUploads : mostUnawaited) || this.#options.isBusy?.()) {
      response.setHeader(wire.retryHeader, retryMs);
      return say(response, 503);
    }
    this.#uploads++;
    let file: FileHandle | undefined;
    try {
      const hashes: (string | undefined)[] = [];
      for (const chunk of chunks) hashes.push(content.hashes.get(chunk) ?? (await content.hash?.(chunk)));
      if (hashes.includes(undefined)) return say(response, 404);
      // An open file stays readable even if the copy leaves.
      file = (await content.open(chunks)) ?? undefined;
      if (file === undefined) return say(response, 404);
      const { from: start } = wire.placeOf(from, content.size);
      const { end } = wire.placeOf(to - 1, content.size);
      response.setHeader(wire.hashesHeader, hashes.join(','));
      response.setHeader('content-type', 'application/octet-stream');
      response.setHeader('content-length', end - start);
      // At once: the other side has a timeout for a sign of life.
      response.flushHeaders();
      await this.#send(file, { start, end, isAwaited }, response);
      this.given.chunks += chunks.length;
    } finally {
      this.#uploads--;
      await file?.close();
    }
  }

  async #send(
    file: FileHandle,
    { start, end, isAwaited }: { start: number; end: number; isAwaited: boolean },
    response: ServerResponse,
  ): Promise<void> {
    const gone = once(response, 'close');
    // Two pieces of memory in turn: one is read into while the other is sent.
    let [piece, other] = [this.#spare.pop() ?? pageAligned(pieceSize), this.#spare.pop() ?? pageAligned(pieceSize)];
    let sent: Promise<unknown> = Promise.resolve();
    for (let at = start; at < end && !response.destroyed; ) {
      const most = await Promise.race([this.#options.turn(Math.min(pieceSize, end - at), isAwaited), gone]);
      if (typeof most !== 'number') break;
      // Whole pages, as reads past the page cache are.
      const { bytesRead } = await file.read(piece, 0, Math.ceil(most / pageBytes) * pageBytes, at);
      if (bytesRead === 0) throw new Error('a shared copy is shorter than its chunks');
      const before = sent;
      const bytes = piece.subarray(0, Math.min(bytesRead, most));
      at += bytes.length;
      this.given.bytes += bytes.length;
      sent = new Promise((resolve) => response.write(bytes, resolve));
      await Promise.race([before, gone]);
      [piece, other] = [other, piece];
    }
    response.end();
    await Promise.race([sent, gone]);
    // Memory of a connection that broke may be in use still.
    if (!response.destroyed) this.#spare.push(piece, other);
  }
}

function say(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}

function json(response: ServerResponse, value: object): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
