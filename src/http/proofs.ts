import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CacheError } from '../core/errors.ts';
import {
  answerHeader,
  daemonProof,
  digestOf,
  emptyDigest,
  isSame,
  newNonce,
  noncePattern,
  ProvenSession,
  scheme,
} from '../runtime/mutual-proof.ts';
import { parse } from './parse.ts';

/** Path of the daemon's proof. It needs no token: the answer is of use only to clients that know it. */
export const proofPath = '/api/proof';

/** A request whose client has proven itself. */
interface Proven {
  session: ProvenSession;
  number: number;
  bodyDigest: string;
}

export const proofQuery = z.object({ nonce: z.string().regex(noncePattern, 'must be 64 hexadecimal digits') });

/**
 * The daemon's side of the proof (`docs/TRUST.md`): one exchange for each connection, then a proof in each request and each answer.
 * A client knows that it speaks to the daemon before it sends anything else, and the token is never sent.
 */
export class Proofs {
  readonly #token: string;
  readonly #sessions = new WeakMap<Socket, ProvenSession>();
  readonly #proven = new WeakMap<FastifyRequest, Proven>();

  constructor(token: string) {
    this.#token = token;
  }

  /** Adds the route of the exchange, and the proofs to answers. */
  serve(app: FastifyInstance): void {
    app.get(proofPath, { exposeHeadRoute: false }, (request) => {
      const { nonce: clientNonce } = parse(proofQuery, request.query);
      const host = (request.headers.host ?? '').toLowerCase();
      const exchange = { token: this.#token, host, clientNonce, daemonNonce: newNonce() };
      this.#sessions.set(request.raw.socket, new ProvenSession(exchange));
      return { nonce: exchange.daemonNonce, proof: daemonProof(exchange) };
    });

    app.addHook('onSend', (request, reply, payload, done) => {
      const proven = this.#proven.get(request);
      if (proven) {
        const body = payload instanceof Readable ? { stream: true as const } : textOf(payload);
        reply.header(answerHeader, proven.session.answerProof(proven.number, reply.statusCode, body));
        // Default headers of HTTP/1.1 cost Python more to parse than the proof costs to make.
        reply.raw.sendDate = false;
        reply.raw.removeHeader('connection');
      }
      done();
    });
  }

  /** @throws CacheError UNAUTHORIZED when this is not the body that a request has proven */
  assertBody(request: FastifyRequest, body: string): void {
    if (this.#proven.has(request)) this.assertDigest(request, digestOf(body));
  }

  /** The same for the SHA-256 of a body, hexadecimal. */
  assertDigest(request: FastifyRequest, digest: string): void {
    const proven = this.#proven.get(request);
    if (proven && digest !== proven.bodyDigest) throw notProven();
  }

  /**
   * True when the request proves the token, false when it does not try. The body is not read before; its digest is proven.
   * @throws CacheError UNAUTHORIZED
   */
  admit(request: FastifyRequest): boolean {
    const [name, bodyDigest = '', proof = ''] = (request.headers.authorization ?? '').split(' ', 3);
    if (name !== scheme) return false;
    const session = this.#sessions.get(request.raw.socket);
    if (!session) throw notProven();
    const number = session.next();
    if (!isSame(proof, session.requestProof(number, request.method, request.url, bodyDigest))) throw notProven();
    if (!hasBody(request) && bodyDigest !== emptyDigest) throw notProven();
    this.#proven.set(request, { session, number, bodyDigest });
    return true;
  }

  /** The headers that prove an answer whose body streams; none for a client that did not prove itself. */
  streamHeaders(request: FastifyRequest, status: number): Record<string, string> {
    const proven = this.#proven.get(request);
    return proven ? { [answerHeader]: proven.session.answerProof(proven.number, status, { stream: true }) } : {};
  }
}

function textOf(payload: unknown): string {
  if (typeof payload === 'string') return payload;
  return payload instanceof Buffer ? payload.toString() : '';
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function notProven(): CacheError {
  return new CacheError('UNAUTHORIZED', 'this request does not prove that its sender knows the token');
}
