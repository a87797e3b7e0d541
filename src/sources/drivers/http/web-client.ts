import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { jsonOf } from '../../../core/json.ts';
import { errnoOf } from '../../../runtime/errnos.ts';
import { nodeHttp } from '../../../runtime/node-http.ts';
import { freeOfCharge, type Meter } from '../../spending.ts';
import { agentOptions } from '../remote/agent-options.ts';
import { failureOfStatus, RemoteFailure } from '../remote/remote-failure.ts';
import { WebGuard } from './web-guard.ts';

const mostRedirects = 5;
const mostJson = 32 * 1024 * 1024;
/** Some services refuse requests without a user agent. */
const userAgent = 'autocached/1 (+https; model cache)';

export interface WebClientOptions {
  /** The configured address, or the service's default. */
  configured: URL;
  proxy: string | null;
  /** Sent to the configured origin only. */
  token: string | null;
  meter?: Meter | undefined;
}

export interface WebRequest {
  method?: 'GET' | 'POST';
  headers?: OutgoingHttpHeaders;
  body?: string;
  signal: AbortSignal;
}

export interface WebAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: IncomingMessage;
  /** The final address; `hops`: the headers of each redirect. */
  url: URL;
  hops: IncomingHttpHeaders[];
}

/**
 * Requests to one web service. Redirects are followed here: each address is checked, and the token goes only to the configured
 * origin. Node's `fetch` can do neither: it does not control the address that a name resolves to.
 */
export class WebClient {
  readonly configured: URL;
  readonly #token: string | null;
  readonly #guard: WebGuard;
  readonly #meter: Meter;
  readonly #agents: { http: InstanceType<typeof nodeHttp.Agent>; https: HttpsAgent };

  constructor({ configured, proxy, token, meter = freeOfCharge }: WebClientOptions) {
    this.#meter = meter;
    this.configured = configured;
    // A token is never sent unencrypted over a network.
    const isSafe = configured.protocol === 'https:' || isLoopback(configured);
    this.#token = isSafe ? token : null;
    this.#guard = new WebGuard(configured, proxy);
    const options = agentOptions(proxy);
    this.#agents = { http: new nodeHttp.Agent(options), https: new HttpsAgent(options) };
  }

  /** The answer at the end of all redirects, with any status. Its body must be read or destroyed. @throws RemoteFailure */
  async send(url: URL, request: WebRequest): Promise<WebAnswer> {
    const hops: IncomingHttpHeaders[] = [];
    let from: URL | null = null;
    for (let at = url; ; ) {
      await this.#guard.check(at, from);
      const body = await this.#attempt(at, request);
      const { statusCode: status = 0, headers } = body;
      const next = status >= 300 && status < 400 && status !== 304 ? headers.location : undefined;
      if (next === undefined) return { status, headers, body, url: at, hops };
      body.resume();
      hops.push(headers);
      if (hops.length > mostRedirects) throw new RemoteFailure('unfit', `${url.origin} redirects without end`);
      from = at;
      at = resolve(next, at);
    }
  }

  /** A JSON answer. @throws RemoteFailure also for any status except success */
  async json(url: URL, request: WebRequest): Promise<{ value: unknown; headers: IncomingHttpHeaders }> {
    const { status, headers, body } = await this.send(url, {
      ...request,
      headers: { accept: 'application/json', ...request.headers },
    });
    const failure = failureOfStatus(status, placeOf(url), headers['retry-after'] ?? null);
    if (failure) {
      body.resume();
      throw failure;
    }
    return { value: parsed(await textOf(body, url), url), headers };
  }

  #attempt(url: URL, { method = 'GET', headers, body, signal }: WebRequest): Promise<IncomingMessage> {
    const isOwn = url.origin === this.configured.origin;
    const authorization = isOwn && this.#token !== null ? { authorization: `Bearer ${this.#token}` } : {};
    const options: RequestOptions = {
      method,
      signal,
      lookup: this.#guard.lookup,
      headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...headers, ...authorization },
    };
    this.#meter.request();
    return new Promise((answered, failed) => {
      const { http, https } = this.#agents;
      const request =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: https })
          : nodeHttp.request(url, { ...options, agent: http });
      request.once('response', answered);
      request.once('error', (error) => failed(failureOf(error, url)));
      request.end(body);
    });
  }
}

/** An address for messages, without a possible signature or token. */
export function placeOf({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

const tls = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_SSL)/;

/** The failure for a connection error, in our own words. */
export function failureOf(error: unknown, url: URL): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const code = errnoOf(error) ?? 'the connection failed';
  if (tls.test(code)) return new RemoteFailure('unfit', `${url.origin} has no certificate that holds (${code})`);
  return new RemoteFailure('away', `${url.origin} does not answer (${code})`);
}

function isLoopback({ hostname }: URL): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

function resolve(location: string, base: URL): URL {
  if (!URL.canParse(location, base.href)) throw new RemoteFailure('broken', `${base.origin} redirects to nowhere`);
  return new URL(location, base);
}

async function textOf(body: IncomingMessage, url: URL): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > mostJson) throw new RemoteFailure('unfit', `${placeOf(url)} answers with too much`);
      parts.push(part);
    }
  } catch (error) {
    throw failureOf(error, url);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string, url: URL): unknown {
  const value = jsonOf(text);
  if (value === undefined) throw new RemoteFailure('broken', `${placeOf(url)} does not answer with JSON`);
  return value;
}
