import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { CacheError } from '../../core/errors.ts';
import { packageDir } from '../../runtime/package.ts';
import { leastBodyLimit } from '../bodies.ts';
import { Codes } from '../codes.ts';
import { parse } from '../parse.ts';
import type { Services } from '../services.ts';

const own = 'src/http/dashboard';
/** Files of the sidebar in ComfyUI, which shows the same things. */
const shared = 'comfyui/web';

const files: Record<string, { path: string; type: string }> = {
  '/': { path: `${own}/index.html`, type: 'text/html; charset=utf-8' },
  '/dashboard/dashboard.css': { path: `${own}/dashboard.css`, type: 'text/css; charset=utf-8' },
  '/dashboard/dashboard.js': { path: `${own}/dashboard.js`, type: 'text/javascript; charset=utf-8' },
  '/dashboard/daemon.js': { path: `${own}/daemon.js`, type: 'text/javascript; charset=utf-8' },
  '/dashboard/results.js': { path: `${own}/results.js`, type: 'text/javascript; charset=utf-8' },
  '/dashboard/elements.js': { path: `${shared}/elements.js`, type: 'text/javascript; charset=utf-8' },
  '/dashboard/vocabulary.js': { path: `${shared}/vocabulary.js`, type: 'text/javascript; charset=utf-8' },
  '/dashboard/words.js': { path: `${shared}/words.js`, type: 'text/javascript; charset=utf-8' },
};

const session = '/api/dashboard/session';

/** Paths served without the token: the page itself reveals nothing, and the session requires a code instead. */
export const publicPaths: ReadonlySet<string> = new Set([...Object.keys(files), session]);

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** The page at `/`, and its way to the token: a program that has it gets a code, and the page exchanges the code for it. */
export function dashboardRoutes(app: FastifyInstance, { clock }: Pick<Services, 'clock'>, token: string): void {
  const codes = new Codes(clock);

  for (const [url, { path, type }] of Object.entries(files)) {
    const content = readFileSync(join(packageDir, path));
    app.get(url, (_request, reply) => reply.headers(headers).type(type).send(content));
  }

  app.post('/api/dashboard/code', () => ({ path: `/#${codes.issue()}` }));

  // Anyone may ask, so a request may have little more than a code.
  app.post(session, { bodyLimit: leastBodyLimit }, (request, reply) => {
    const { code } = parse(z.strictObject({ code: z.string().max(100) }), request.body);
    if (!codes.redeem(code)) throw new CacheError('FORBIDDEN', 'this code was used before, or is too old');
    return reply.header('cache-control', 'no-store').send({ token });
  });
}
