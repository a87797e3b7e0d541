import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import {
  answerHeader,
  daemonProof,
  digestOf,
  emptyDigest,
  isNonce,
  isSame,
  newNonce,
  ProvenSession,
  scheme,
} from '../runtime/mutual-proof.ts';
import { nodeHttp } from '../runtime/node-http.ts';
import { deadline } from './deadline.ts';

/** The daemon's address, and the secret that both sides prove to know. */
export interface Address {
  url: string;
  token: string;
}

export interface Request {
  method: string;
  path: string;
  /** JSON, or bytes of any kind. */
  body?: string | BlobBody;
  /** Identity of the client's process, see `runtime/processes.ts`. */
  process?: string;
}

/** Bytes to be sent, with their known hash. They are opened again for each attempt. */
export class BlobBody {
  readonly sha256: string;
  readonly size: number;
  readonly open: () => Readable;

  constructor({ sha256, size, open }: Pick<BlobBody, 'sha256' | 'size' | 'open'>) {
    this.sha256 = sha256;
    this.size = size;
    this.open = open;
  }
}

/** Another program listens at the daemon's address: nothing was sent to it, and its answers do not count. */
export class NotTheDaemon extends Error {
  override name = 'NotTheDaemon';
}

/** The daemon took too long: to accept the connection, or to answer. */
export class CallTimeout extends Error {
  override name = 'CallTimeout';
}

const longestProof = 1024;
/** Timeout for the daemon's proof, which comes at once even if the answer takes long, ms. */
const proofMs = 30_000;

/**
 * A connection to the daemon. When it opens, the daemon proves that it knows the token before anything is sent to it; then each request
 * proves the same of this client, and each answer of the daemon. The token is never sent.
 */
export class Connection {
  readonly #address: Address;
  readonly #server: { host: string; port: string };
  readonly #agent = new OneConnection({ keepAlive: true, maxSockets: 1 });
  #session: ProvenSession | null = null;

  private constructor(address: Address) {
    this.#address = address;
    const { hostname, port } = new URL(address.url);
    // Only a URL puts an IPv6 address in brackets.
    this.#server = { host: hostname.replace(/^\[|\]$/g, ''), port };
  }

  /**
   * @param connectMs longest wait for the connection itself
   * @throws NotTheDaemon, CallTimeout, or Error from node:http when there is no connection
   */
  static async open(address: Address, connectMs: number, signal: AbortSignal): Promise<Connection> {
    const connection = new Connection(address);
    const late = new AbortController();
    const cancel = deadline(proofMs, () => late.abort(new CallTimeout(`no proof within ${proofMs} ms`)));
    try {
      await connection.#prove(connectMs, AbortSignal.any([signal, late.signal]));
      return connection;
    } catch (error) {
      connection.close();
      throw late.signal.aborted ? late.signal.reason : error;
    } finally {
      cancel();
    }
  }

  /** The answer as soon as its head has come, with the function that checks its proof. */
  async send({ method, path, body, process }: Request, signal: AbortSignal): Promise<Answer> {
    const session = this.#session;
    if (!session) throw new Error('the connection is not open');
    const number = session.next();
    const { digest, headers: described } = describe(body);
    const target = targetOf(path);
    const headers = {
      authorization: `${scheme} ${digest} ${session.requestProof(number, method, target, digest)}`,
      ...described,
      ...(process !== undefined && { 'x-autocached-process': process }),
    };
    const response = await this.#request({ method, path: target, headers }, body, signal);
    const given = String(response.headers[answerHeader] ?? '');
    return {
      response,
      assertProven: (content) => {
        const expected = session.answerProof(number, response.statusCode ?? 0, content);
        if (!isSame(given, expected)) throw new NotTheDaemon(`the answer of ${this.#address.url} is not the daemon's`);
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #prove(connectMs: number, signal: AbortSignal): Promise<void> {
    const { url, token } = this.#address;
    const clientNonce = newNonce();
    const path = `/api/proof?nonce=${clientNonce}`;
    const response = await this.#request({ method: 'GET', path, headers: {} }, undefined, signal, connectMs);
    const { nonce, proof } = parseProof(await readText(response, longestProof));
    const exchange = { token, host: new URL(url).host.toLowerCase(), clientNonce, daemonNonce: nonce };
    if (response.statusCode !== 200 || !isNonce(nonce) || !isSame(proof, daemonProof(exchange))) {
      throw new NotTheDaemon(`the program at ${url} is not the daemon: it does not know its token`);
    }
    this.#session = new ProvenSession(exchange);
  }

  #request(
    { method, path, headers }: { method: string; path: string; headers: Record<string, string> },
    body: string | BlobBody | undefined,
    signal: AbortSignal,
    connectMs?: number,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = nodeHttp.request({ ...this.#server, path, method, headers, agent: this.#agent, signal });
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
      if (connectMs !== undefined) {
        const late = () => outgoing.destroy(new CallTimeout(`no connection within ${connectMs} ms`));
        outgoing.once('socket', (socket) => {
          if (!socket.connecting) return;
          const cancel = deadline(connectMs, late);
          socket.once('connect', cancel);
          outgoing.once('close', cancel);
        });
      }
      if (typeof body !== 'object') outgoing.end(body);
      else
        body
          .open()
          .on('error', (error) => outgoing.destroy(error))
          .pipe(outgoing);
    });
  }
}

function describe(body: Request['body']): { digest: string; headers: Record<string, string> } {
  if (body === undefined) return { digest: emptyDigest, headers: {} };
  const [digest, size, type] =
    typeof body === 'string'
      ? [digestOf(body), Buffer.byteLength(body), 'application/json']
      : [body.sha256, body.size, 'application/octet-stream'];
  // Node leaves the length of a DELETE's body out.
  return { digest, headers: { 'content-type': type, 'content-length': String(size) } };
}

/** The path as it is sent: an address has several spellings. Those of the daemon are plain, and parsing them takes a part of a hit. */
function targetOf(path: string): string {
  if (/^(?:\/[\w-]+)+$/.test(path)) return path;
  const { pathname, search } = new URL(path, 'http://daemon');
  return pathname + search;
}

/** The head of an answer. */
export interface Answer {
  response: IncomingMessage;
  /** @throws NotTheDaemon unless the daemon proves that this is its answer: the whole text, or the head of a stream */
  assertProven(content: string | { stream: true }): void;
}

/** A proof holds for one connection; after its end, nothing is sent over another. */
class OneConnection extends nodeHttp.Agent {
  #made = false;

  override createConnection(options: ClientRequestArgs, callback?: (err: Error | null, stream: Duplex) => void) {
    if (!this.#made) {
      this.#made = true;
      return super.createConnection(options, callback);
    }
    const ended = Object.assign(new Error('the connection has ended'), { code: 'ECONNRESET' });
    // The stream that this type asks for is of no interest beside an error.
    callback?.(ended, undefined as never);
    return undefined;
  }
}

/** @throws Error when there is more than `most` bytes of it, or it breaks off */
export function readText(response: IncomingMessage, most: number): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  // By events: an iterator takes a part of a hit.
  return new Promise((resolve, reject) => {
    response
      .on('data', (chunk: string) => {
        text += chunk;
        if (text.length > most) response.destroy(new Error('the answer is too large'));
      })
      .once('end', () => resolve(text))
      .once('error', reject)
      // An answer that has ended is not rejected.
      .once('close', () => response.readableEnded || reject(new Error('the answer broke off')));
  });
}

function parseProof(text: string): { nonce: string; proof: string } {
  try {
    const { nonce, proof } = JSON.parse(text) as Record<string, unknown>;
    return { nonce: String(nonce), proof: String(proof) };
  } catch {
    return { nonce: '', proof: '' };
  }
}
