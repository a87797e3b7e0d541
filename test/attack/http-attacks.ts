import { type Answered, type Attack, combined, type Sent, type Target } from './table.ts';

/** What no stranger may ask for. */
const routes: [method: string, url: string][] = [
  ['GET', '/api/cache/stats'],
  ['GET', '/api/cache/config'],
  ['POST', '/api/cache/config'],
  ['POST', '/api/cache/clear'],
  ['GET', '/api/cache/entries'],
  ['POST', '/api/cache/warm'],
  ['POST', '/api/cache/pin'],
  ['POST', '/api/cache/evict'],
  ['POST', '/api/lookup'],
  ['GET', '/api/jobs'],
  ['DELETE', '/api/jobs/1'],
  ['GET', '/api/roots'],
  ['POST', '/api/roots'],
  ['POST', '/api/leases'],
  ['POST', '/api/shutdown'],
  ['POST', '/api/dashboard/code'],
  ['POST', '/api/dashboard/sign-out'],
  ['GET', '/api/library'],
  ['GET', '/metrics'],
  ['POST', '/api/workflows/analyze'],
  ['POST', '/api/workflows/running'],
];

function asked([method, url]: [string, string], more: Partial<Sent>): Sent {
  const body = method === 'POST' ? '{}' : undefined;
  const headers = { ...(body && { 'content-type': 'application/json' }), ...more.headers };
  return { method, url, ...(body && { body }), ...more, headers };
}

function refused(answer: Answered, target: Target): string | null {
  if (answer.text.includes(target.token)) return 'the token is told';
  return answer.status === 401 || answer.status === 403 || answer.status === 400 || answer.status === 404
    ? null
    : `status ${answer.status}`;
}

function forged(token: string): string[] {
  const other = token.replace(/^./, (digit) => (digit === 'f' ? 'e' : 'f'));
  return [
    '',
    token,
    'Bearer',
    'Bearer ',
    `Bearer ${token.slice(1)}`,
    `Bearer ${token}0`,
    `Bearer ${other}`,
    `bearer ${token}`,
    `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
    `Bearer  ${token}`,
    `Bearer ${token.toUpperCase()}x`,
    'Bearer null',
    'Bearer undefined',
    'Autocached',
    `Autocached ${token}`,
    `Autocached ${token} ${token}`,
    `Autocached ${'0'.repeat(64)} ${'0'.repeat(64)}`,
    'Bearer [object Object]',
  ];
}

/** Requests without the token, or with something in its place. */
export function withoutToken(): Attack[] {
  return combined(
    routes,
    Array.from({ length: 18 }, (_, at) => at),
  ).map(([route, at]) => ({
    kind: 'no token',
    input: `${route.join(' ')} with authorization ${at}`,
    run: async (target) => {
      const authorization = forged(target.token)[at];
      return refused(await target.send(asked(route, { headers: { authorization } })), target);
    },
  }));
}

const hosts = [
  'evil.com',
  'evil.com:PORT',
  '127.0.0.1.evil.com:PORT',
  'localhost.evil.com:PORT',
  'localhost.:PORT',
  'localhost',
  '127.0.0.1',
  '127.0.0.1:80',
  '127.0.0.1:PORT0',
  '127.0.0.2:PORT',
  '0.0.0.0:PORT',
  '[::]:PORT',
  '[::ffff:127.0.0.1]:PORT',
  'user@127.0.0.1:PORT',
  '127.0.0.1:PORT@evil.com',
  '127.0.0.1:PORT, evil.com',
  '2130706433:PORT',
  '0x7f000001:PORT',
  '0177.0.0.1:PORT',
  '127.1:PORT',
  '127.0.0.1:PORT/',
  '127.0.0.1:PORT#',
  '127.0.0.1:PORT?',
  '127.0.0.1%00:PORT',
  'ＬＯＣＡＬＨＯＳＴ:PORT',
  '169.254.169.254',
  'host.docker.internal:PORT',
];

/** A page after DNS rebinding: it has even the token, and another name. */
export function rebound(): Attack[] {
  return combined(hosts, routes.slice(0, 9)).map(([host, route]) => ({
    kind: 'host',
    input: `${route.join(' ')} as ${host}`,
    run: async (target) => {
      const name = host.replace('PORT', target.host.split(':')[1] ?? '');
      return refused(await target.send(asked(route, { headers: { host: encodable(name) }, authorised: true })), target);
    },
  }));
}

function encodable(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}

const origins = [
  'null',
  'https://HOST',
  'http://HOST.evil.com',
  'http://evil.com',
  'http://HOST/',
  'http://HOST:1',
  'file://',
  'HTTP://HOST',
  'chrome-extension://HOST',
  'http://user@HOST',
  'http://evil.com/http://HOST',
  'http://HOST http://evil.com',
  'ws://HOST',
  'moz-extension://abc',
  'http://localhost',
  'http://127.0.0.1',
];

/** A page of another site in the browser of the user. */
export function crossSite(): Attack[] {
  return combined(origins, routes.slice(0, 9)).map(([origin, route]) => ({
    kind: 'origin',
    input: `${route.join(' ')} from ${origin}`,
    run: async (target) => {
      const headers = { origin: origin.replace('HOST', target.host) };
      const answer = await target.send(asked(route, { headers, authorised: true }));
      const shared = Object.keys(answer.headers).find((name) => name.startsWith('access-control'));
      return shared ? `${shared} is sent` : refused(answer, target);
    },
  }));
}

/** Bodies that a page can send without a preflight, or that are no JSON. */
export function otherBodies(): Attack[] {
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
    'application/xml',
    'application/json-seq',
    'application/jsonp',
    'text/json',
  ];
  const posts = routes.filter(([method, url]) => method === 'POST' && url !== '/api/shutdown');
  return combined(types, posts).map(([type, [method, url]]) => ({
    kind: 'content type',
    input: `${url} as ${type}`,
    run: async (target) => {
      const headers = { 'content-type': type };
      const answer = await target.send({ method, url, headers, body: '{"all":true,"dryRun":true}', authorised: true });
      return answer.status === 415 || answer.status === 400 ? null : `status ${answer.status}`;
    },
  }));
}

/** Ways around the guard through the address itself. */
export function addresses(): Attack[] {
  const ways = [
    '//api/jobs',
    '/./api/jobs',
    '/healthz/../api/jobs',
    '/healthz/..;/api/jobs',
    '/healthz%2f..%2fapi%2fjobs',
    '/%61pi/jobs',
    '/api//jobs',
    '/API/JOBS',
    '/api/jobs/',
    '/api/jobs?/healthz',
    '/api/jobs#/healthz',
    '/api/proof/../jobs',
    '/api/proof%00/jobs',
    '/dashboard/../api/jobs',
    '/dashboard/%2e%2e/api/jobs',
    '/dashboard/dashboard.js/../../api/jobs',
    '/dashboard/..\\api\\jobs',
    '/\\api\\jobs',
    '/api/dashboard/session/../../jobs',
    '/..%2f..%2fetc%2fpasswd',
    '/dashboard/..%2f..%2f..%2fetc%2fpasswd',
    '/dashboard/%c0%ae%c0%ae/etc/passwd',
    '/dashboard//etc/passwd',
    '/metrics/',
    '/metrics?',
    '/api/events',
  ];
  return combined(ways, ['GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS']).map(([url, method]) => ({
    kind: 'address',
    input: `${method} ${url}`,
    run: async (target) => {
      const { status, text } = await target.send({ method, url });
      if (/root:|"jobs"/.test(text)) return 'something is told';
      return status >= 400 ? null : `status ${status}`;
    },
  }));
}

/** Proofs that a stranger can make of what it hears. */
export function forgedProofs(): Attack[] {
  const makes: [string, (heard: { key: string; nonce: string; proof: string }) => string][] = [
    ['the daemon’s proof', ({ proof }) => proof],
    ['its nonce', ({ nonce }) => nonce],
    ['the client’s nonce', ({ key }) => key],
    ['zeros', () => '0'.repeat(64)],
    ['nothing', () => ''],
    ['a shorter one', ({ proof }) => proof.slice(0, 32)],
    ['a longer one', ({ proof }) => `${proof}00`],
    ['upper case', ({ proof }) => proof.toUpperCase()],
  ];
  return combined(makes, routes.slice(0, 12)).map(([[what, make], route]) => ({
    kind: 'proof',
    input: `${route.join(' ')} with ${what}`,
    run: async (target) => {
      const answer = await target.afterProof((heard) => {
        const digest = '0'.repeat(64);
        return asked(route, { headers: { authorization: `Autocached ${digest} ${make(heard)}` } });
      });
      return refused(answer, target);
    },
  }));
}
