import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CacheError } from '../core/errors.ts';
import { tokenHeader } from '../llm/headers.ts';
import { inAddress } from '../runtime/host-port.ts';
import { isSame, scheme } from '../runtime/mutual-proof.ts';
import { type Proofs, proofPath } from './proofs.ts';
import { publicPaths } from './routes/dashboard.ts';
import type { SignIns } from './sign-ins.ts';

export interface GuardOptions {
  token: string;
  /** The accepted Host headers, exactly, such as `127.0.0.1:8389`. */
  hosts: ReadonlySet<string>;
}

/** Ways in other than the token itself. */
interface Admission {
  proofs: Proofs;
  signIns: SignIns;
}

/** Requests that a signed-in page needs; it asks no language model, and looks nothing up for a program. */
const forPages = /^\/(?:api|metrics)\b/;

/**
 * Law 9. A web page must not reach the daemon: its Host (after DNS rebinding) or its Origin is not on the list, and it has no
 * token. Only `/healthz`, the daemon's own proof and the paths that give the dashboard its token need none. Programs send the token
 * (`Bearer`), or prove that they know it; before a language model's server the token may have a header of its own. The dashboard is
 * signed in.
 */
export function guard(app: FastifyInstance, { token, hosts }: GuardOptions, { proofs, signIns }: Admission): void {
  const expected = `Bearer ${token}`;
  const assertAdmitted = (request: FastifyRequest) => {
    const { host, origin } = request.headers;
    if (host === undefined || !hosts.has(host.toLowerCase())) throw new CacheError('FORBIDDEN', 'this Host is not served here');
    if (origin !== undefined && !isOurs(origin, hosts))
      throw new CacheError('FORBIDDEN', 'requests from this Origin are refused');
    const path = pathOf(request);
    if (path.startsWith(llmPath) && isSame(headerOf(request, tokenHeader), token)) return;
    if (proofs.admit(request) || path === '/healthz' || path === proofPath || publicPaths.has(path)) return;
    if (forPages.test(path) && signIns.of(request)) return;
    if (!isSame(request.headers.authorization ?? '', expected)) {
      throw new CacheError('UNAUTHORIZED', 'the token is missing or wrong', {
        hint: 'Send `Authorization: Bearer <token>`; the token is in the file that daemon.json names as tokenFile.',
      });
    }
  };
  // By callback: a promise for each request would slow lookups.
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      assertAdmitted(request);
    } catch (error) {
      return done(error as Error);
    }
    done();
  });
}

/** Path below which requests are forwarded to another server, whose credentials clients send as `Authorization`. */
export const llmPath = '/llm/v1/';

/** The credentials for the server that a request is forwarded to; undefined if they are those for the daemon. */
export function foreignAuthorization({ headers }: FastifyRequest, token: string): string | undefined {
  const { authorization = '' } = headers;
  const isOurs = authorization.startsWith(`${scheme} `) || authorization.includes(token);
  return isOurs || authorization === '' ? undefined : authorization;
}

/** Host headers of requests from this machine to a listener on `host` and `port`. */
export function hostsOf(host: string, port: number): Set<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]', inAddress(host)];
  return new Set(furtherHosts(names, port).map((name) => name.toLowerCase()));
}

/** Host headers of requests by further names. Browsers and most programs leave out the port 80. */
export function furtherHosts(names: readonly string[], port: number): string[] {
  return names.flatMap((name) => {
    const named = /:\d+$/.test(name) && !name.endsWith(']') ? name : `${name}:${port}`;
    return named.endsWith(':80') ? [named, named.slice(0, -':80'.length)] : [named];
  });
}

function isOurs(origin: string, hosts: ReadonlySet<string>): boolean {
  return origin.startsWith('http://') && hosts.has(origin.slice('http://'.length).toLowerCase());
}

function headerOf({ headers }: FastifyRequest, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
