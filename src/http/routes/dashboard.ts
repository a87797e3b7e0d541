import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { CacheError } from '../../core/errors.ts';
import { leastBodyLimit } from '../bodies.ts';
import { Codes } from '../codes.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';
import { cookieName, type SignIns } from '../sign-ins.ts';
import { readStaticFiles, staticFiles, staticFolders } from '../static-files.ts';

const session = '/api/dashboard/session';
export const sessionBody = z.strictObject({ code: z.string().max(100) });

/** Paths served without the token: the page itself reveals nothing, and the session requires a code instead. */
export const publicPaths: ReadonlySet<string> = new Set([...staticFiles().keys(), session]);

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** Maximum lifetime that browsers allow; the daemon forgets a sign-in earlier. */
const cookieSeconds = 400 * 24 * 3600;

export const signOutBody = z.strictObject({ id: z.number().int().optional(), all: z.boolean().optional() });

/** The page at `/`, and signing in: a program that has the token gets a code, which the browser exchanges for its sign-in. */
export function dashboardRoutes(app: FastifyInstance, { clock }: Pick<Services, 'clock'>, signIns: SignIns): void {
  const codes = new Codes(clock);

  const files = readStaticFiles();
  const send = (url: string, reply: FastifyReply) => {
    const file = files.get(url);
    if (!file) throw new CacheError('NOT_FOUND', `there is no GET ${url}`);
    return reply.headers(headers).type(file.type).send(file.content);
  };
  app.get('/', (_request, reply) => send('/', reply));
  // With a route for each file, the daemon would need a tenth more processor time to start.
  for (const folder of staticFolders)
    app.get<{ Params: { name: string } }>(`${folder}/:name`, ({ params }, reply) => send(`${folder}/${params.name}`, reply));

  app.post('/api/dashboard/code', () => ({ path: `/#${codes.issue()}` }));

  // Anyone may ask, so a request may have little more than a code.
  app.post(session, { bodyLimit: leastBodyLimit }, (request, reply) => {
    const { code } = parse(sessionBody, request.body);
    if (!codes.redeem(code))
      throw new CacheError('FORBIDDEN', 'this code was used before, or is too old', {
        hint: 'autocached dashboard gives a new one',
      });
    const { cookie, key } = signIns.begin(request.headers['user-agent'] ?? '');
    const written = `${cookieName(request.headers.host)}=${cookie}; Path=/api/; Max-Age=${cookieSeconds}; HttpOnly; SameSite=Strict`;
    return reply.header('cache-control', 'no-store').header('set-cookie', written).send({ key });
  });

  app.get('/api/dashboard/sign-ins', (request) => ({ signIns: signIns.list(signIns.of(request)) }));

  /** Signs out one browser, all, or the one that sent the request. */
  app.post('/api/dashboard/sign-out', (request) => {
    const { id, all } = parse(signOutBody, request.body);
    if (all) return { signedOut: signIns.endAll() };
    const one = id ?? signIns.of(request)?.id;
    if (one === undefined || !signIns.end(one)) throw new CacheError('NOT_FOUND', 'no such browser is signed in');
    return { signedOut: 1 };
  });
}
