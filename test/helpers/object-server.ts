import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** An object that the server holds. */
export interface HeldObject {
  bytes: Buffer;
  /** Whole seconds, ms. */
  mtimeMs: number;
  etag: string;
  /** Told as the checksum of the whole. */
  sha256: string | null;
}

/** A request as protocols see it. */
export interface Asked {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An answer as a good server gives it. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  /** The object or the folder that it is about. */
  about: string;
  /** Whether it holds bytes of an object. */
  holds?: boolean;
}

/** How a service answers; null = not its address. */
export type Protocol = (asked: Asked, server: ObjectServer) => Reply | null | Promise<Reply | null>;

/** What goes wrong with an answer instead of sending it. */
export type Fault = (reply: Reply, response: ServerResponse, asked: Asked) => void | Promise<void>;

/** A time in the past, ms. */
const someTime = Date.UTC(2023, 10, 14, 22, 13, 20);

/** Objects in memory behind HTTP on 127.0.0.1, which answers as its protocols say or goes wrong as it is told. */
export class ObjectServer implements AsyncDisposable {
  readonly objects = new Map<string, HeldObject>();
  /** Whether there is such a bucket or repository at all. */
  isThere = true;
  /** What goes wrong with this answer; null = nothing. */
  faultFor: (asked: Asked, reply: Reply) => Fault | null = () => null;
  /** Each request: its method, and its address below the server's. */
  readonly requests: string[] = [];
  /** Everything that clients sent as headers. */
  readonly seen: IncomingHttpHeaders[] = [];
  /** Bytes of objects that were sent. */
  bytesSent = 0;
  readonly #protocols: readonly Protocol[];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #sockets = new Set<Socket>();

  private constructor(protocols: readonly Protocol[]) {
    this.#protocols = protocols;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(...protocols: Protocol[]): Promise<ObjectServer> {
    const server = new ObjectServer(protocols);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  put(key: string, bytes: Buffer, more: Partial<HeldObject> = {}): void {
    const etag = createHash('md5').update(bytes).digest('hex');
    this.objects.set(key, { bytes, mtimeMs: someTime, etag, sha256: null, ...more });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = (await buffer(request)).toString();
    const asked = { method, url: new URL(url, this.url), headers, body };
    this.requests.push(`${method} ${url}`);
    this.seen.push(headers);
    const reply = await this.#replyTo(asked);
    const fault = this.faultFor(asked, reply);
    if (fault) await fault(reply, response, asked);
    else this.send(reply, response, asked);
  }

  async #replyTo(asked: Asked): Promise<Reply> {
    for (const protocol of this.#protocols) {
      const reply = await protocol(asked, this);
      if (reply) return reply;
    }
    return notFound('');
  }

  send({ status, headers, body, holds }: Reply, response: ServerResponse, { method }: Asked): void {
    response.writeHead(status, { 'content-length': String(body.length), ...headers });
    if (method === 'HEAD') response.end();
    else {
      if (holds) this.bytesSent += body.length;
      response.end(body);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function notFound(about: string): Reply {
  return { status: 404, headers: {}, body: Buffer.from('not found'), about };
}

/** The bytes of an object, or those of the range that was asked for, under its conditions. */
export function bytesOf(object: HeldObject, { method, headers }: Asked, about: string): Reply {
  const { bytes, etag, mtimeMs } = object;
  const facts = { etag: `"${etag}"`, 'last-modified': new Date(mtimeMs).toUTCString(), 'accept-ranges': 'bytes' };
  const failed = (status: number, more = {}): Reply => ({
    status,
    headers: { ...facts, ...more },
    body: Buffer.from(''),
    about,
  });
  const match = headers['if-match'];
  if (match !== undefined && match !== facts.etag) return failed(412);
  const since = headers['if-unmodified-since'];
  if (since !== undefined && Date.parse(since) < mtimeMs) return failed(412);
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (first === undefined || method === 'HEAD')
    return {
      status: 200,
      headers: { ...facts, 'content-length': String(bytes.length) },
      body: bytes,
      about,
      holds: method === 'GET',
    };
  if (Number(first) >= bytes.length) return failed(416, { 'content-range': `bytes */${bytes.length}` });
  const end = Math.min(Number(last) + 1, bytes.length);
  const range = `bytes ${first}-${end - 1}/${bytes.length}`;
  return {
    status: 206,
    headers: { ...facts, 'content-range': range },
    body: bytes.subarray(Number(first), end),
    about,
    holds: true,
  };
}
