import type { Agent as HttpAgent, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from './errnos.ts';
import { nodeHttp } from './node-http.ts';

/** Timeout of a connection, ms: a local server accepts at once, a distant one within a second. */
const connectMs = 10_000;

/** A request to the server. */
export interface Outgoing {
  method: string;
  /** Path below the base address, with its query. */
  path: string;
  headers: OutgoingHttpHeaders;
  body: string | Readable | null;
  /** Aborted when its client is gone. */
  signal: AbortSignal;
}

export interface UpstreamOptions {
  /** Its base address, ending with `/`. */
  url: string;
  /** Maximum time without a byte, ms; null = no limit. */
  silenceMs: number | null;
  /** Name of the server in errors, such as `the server`. */
  called: string;
  /** Hints for errors when it is away, and when it is silent. */
  hints: { away: string; silent: string };
}

/** The one server that requests are forwarded to: no request can name another. */
export class Upstream implements Disposable {
  readonly #options: UpstreamOptions;
  readonly #base: URL;
  readonly #agent: HttpAgent;
  readonly #request: typeof nodeHttp.request;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#base = new URL(options.url);
    const isTls = this.#base.protocol === 'https:';
    this.#agent = isTls ? new HttpsAgent({ keepAlive: true }) : new nodeHttp.Agent({ keepAlive: true });
    this.#request = isTls ? httpsRequest : nodeHttp.request;
  }

  /**
   * Sends a request. The answer is destroyed with an error when the server breaks off or is silent.
   * @throws CacheError UPSTREAM_AWAY, UPSTREAM_SILENT, NOT_FOUND for a path that leads out of the base address
   */
  async send(outgoing: Outgoing): Promise<IncomingMessage> {
    const address = this.#addressOf(outgoing.path);
    try {
      return await this.#attempt(address, outgoing, this.#agent);
    } catch (error) {
      if (!(error instanceof Reused) || outgoing.body instanceof Readable) throw this.#told(error);
      // The server has closed an idle connection just when it was reused.
      return await this.#attempt(address, outgoing, false).catch((again: unknown) => {
        throw this.#told(again);
      });
    }
  }

  /** The error for a failure of the server. */
  #told(error: unknown): CacheError {
    if (error instanceof CacheError) return error;
    const cause = error instanceof Reused ? error.cause : error;
    return this.#away(
      errnoOf(cause) === 'ECONNREFUSED' ? 'is not running' : `broke off (${errnoOf(cause) ?? 'unknown'})`,
      cause,
    );
  }

  /** The error for an incomplete answer. */
  brokenOff(error: unknown): CacheError {
    return error instanceof CacheError ? error : this.#away('broke off in the middle of its answer', error);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #addressOf(path: string): URL {
    const address = URL.parse(`./${path}`, this.#base.href);
    if (address?.href.startsWith(this.#base.href)) return address;
    throw new CacheError('NOT_FOUND', 'this path leads out of the API');
  }

  #attempt(address: URL, { method, headers, body, signal }: Outgoing, agent: HttpAgent | false): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = this.#request(address, { method, headers, agent, signal });
    let answer: IncomingMessage | null = null;
    const connecting = setTimeout(() => request.destroy(this.#silent('does not accept a connection')), connectMs);
    request.once('socket', (socket) => {
      if (!socket.connecting) clearTimeout(connecting);
      else socket.once('connect', () => clearTimeout(connecting));
    });
    const { silenceMs } = this.#options;
    if (silenceMs !== null) request.setTimeout(silenceMs, () => (answer ?? request).destroy(this.#silent('does not answer')));
    request.once('response', (response) => {
      answer = response;
      resolve(response);
    });
    request.on('error', (error) => {
      const wasClosed = request.reusedSocket && !signal.aborted && answer === null && !(error instanceof CacheError);
      reject(wasClosed ? new Reused('a kept connection was closed', { cause: error }) : error);
    });
    request.once('close', () => clearTimeout(connecting));
    // Errors of the body are those of the request.
    if (body instanceof Readable) pipeline(body, request).catch((error: Error) => request.destroy(error));
    else request.end(body ?? undefined);
    return promise;
  }

  #away(what: string, cause: unknown): CacheError {
    return new CacheError('UPSTREAM_AWAY', `${this.#options.called} at ${this.#base.origin} ${what}`, {
      hint: this.#options.hints.away,
      cause,
    });
  }

  #silent(what: string): CacheError {
    return new CacheError('UPSTREAM_SILENT', `${this.#options.called} at ${this.#base.origin} ${what}`, {
      hint: this.#options.hints.silent,
    });
  }
}

/** A reused connection was closed before any answer. */
class Reused extends Error {}
