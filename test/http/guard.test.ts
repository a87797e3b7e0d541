import { describe, expect, test } from 'vitest';
import { hostsOf } from '../../src/http/guard.ts';
import { createClient } from '../helpers/services.ts';

const refused = (code: string) => ({
  error: { code, message: expect.any(String), hint: code === 'UNAUTHORIZED' ? expect.any(String) : null },
});

const everyRoute: [string, string][] = [
  ['GET', '/api/cache/stats'],
  ['GET', '/api/cache/config'],
  ['POST', '/api/cache/config'],
  ['POST', '/api/cache/clear'],
  ['GET', '/api/cache/entries'],
  ['POST', '/api/cache/warm'],
  ['POST', '/api/cache/pin'],
  ['POST', '/api/cache/unpin'],
  ['POST', '/api/cache/evict'],
  ['GET', '/api/cache/explain'],
  ['POST', '/api/lookup'],
  ['GET', '/api/jobs'],
  ['DELETE', '/api/jobs/1'],
  ['GET', '/api/events'],
  ['HEAD', '/api/events'],
  ['GET', '/api/roots'],
  ['POST', '/api/roots'],
  ['POST', '/api/leases'],
  ['POST', '/api/shutdown'],
  ['GET', '/no/such/route'],
  ['POST', '/api/dashboard/code'],
  ['GET', '/api/dashboard/sign-ins'],
  ['POST', '/api/dashboard/sign-out'],
  ['GET', '/api/library'],
  ['GET', '/api/events/recent'],
  ['GET', '/api/events/told'],
  ['GET', '/api/jobs/throughput'],
  ['POST', '/api/jobs/1/raise'],
  ['GET', '/dashboard'],
  ['GET', '/dashboard/none.js'],
  ['GET', '/dashboard/../api/jobs'],
  ['POST', '/api/dashboard/session/'],
  ['OPTIONS', '/api/lookup'],
  ['GET', '/healthz/../api/jobs'],
  ['GET', '//healthz'],
  ['GET', '/healthz/'],
];

describe('the token', () => {
  test('is needed by every route', async () => {
    const { app, token } = createClient();
    const attempts = [
      undefined,
      '',
      token,
      `Bearer ${token.slice(1)}`,
      `Bearer ${token}0`,
      `bearer ${token}`,
      `Basic ${token}`,
      'Bearer ',
    ];
    for (const [method, url] of everyRoute) {
      for (const authorization of attempts) {
        const response = await app.inject({
          method: method as 'GET',
          url,
          headers: { host: '127.0.0.1:8189', ...(authorization !== undefined && { authorization }) },
          ...(method === 'POST' && { payload: {} }),
        });
        const asked = `${method} ${url} ${authorization}`;
        expect(response.statusCode, asked).toBe(401);
        if (method !== 'HEAD') expect(response.json(), asked).toEqual(refused('UNAUTHORIZED'));
      }
    }
  });

  test('is not needed to see that the daemon lives, and nothing else is told', async () => {
    const { send } = createClient();
    const answer = { ok: true, version: '1.2.3' };
    expect(await send({ url: '/healthz', headers: { authorization: undefined } })).toMatchObject({ status: 200, body: answer });
    expect((await send({ url: '/healthz?x=1', headers: { authorization: undefined } })).body).toEqual(answer);
  });

  test('is asked for before the body is read: a stranger cannot make the daemon swallow 16 MiB', async () => {
    const { send } = createClient();
    const { status } = await send({
      method: 'POST',
      url: '/api/lookup',
      headers: { authorization: undefined, 'content-type': 'application/json' },
      payload: '{"path": nonsense',
    });
    expect(status).toBe(401);
  });
});

describe('the Host', () => {
  test('is ours by each of its names', async () => {
    const { send } = createClient();
    for (const host of ['127.0.0.1:8189', 'localhost:8189', 'LocalHost:8189', '[::1]:8189'])
      expect((await send({ url: '/api/jobs', headers: { host } })).status, host).toBe(200);
  });

  const foreignHosts = [
    'evil.com',
    'evil.com:8189',
    '127.0.0.1.evil.com:8189',
    'localhost.evil.com:8189',
    'localhost.:8189',
    'localhost',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.1:81890',
    '127.0.0.2:8189',
    '0.0.0.0:8189',
    '[::1]',
    '::1:8189',
    '[::ffff:127.0.0.1]:8189',
    'user@127.0.0.1:8189',
    '127.0.0.1:8189, evil.com',
    '2130706433:8189',
    '127.1:8189',
    ' ',
  ];

  test('is none other: after DNS rebinding a page would come by that name', async () => {
    const { send } = createClient();
    for (const host of foreignHosts) {
      const answer = await send({ url: '/api/jobs', headers: { host } });
      expect(answer, host).toMatchObject({ status: 403, body: refused('FORBIDDEN') });
      expect((await send({ url: '/healthz', headers: { host } })).status, host).toBe(403);
    }
  });

  test('is that of the address it listens on', () => {
    const hosts = ['127.0.0.1:8189', 'localhost:8189', '[::1]:8189', '192.168.1.5:8189'];
    expect([...hostsOf('192.168.1.5', 8189)]).toEqual(hosts);
    expect(hostsOf('FE80::1', 8189).has('[fe80::1]:8189')).toBe(true);
  });

  test('is also that without the port 80, which browsers and curl leave out', () => {
    for (const name of ['127.0.0.1', 'localhost', '[::1]', '[fe80::1]']) {
      expect(hostsOf('fe80::1', 80).has(name)).toBe(true);
      expect(hostsOf('fe80::1', 80).has(`${name}:80`)).toBe(true);
      expect(hostsOf('fe80::1', 8080).has(name)).toBe(false);
    }
  });
});

describe('the Origin', () => {
  test('is ours by each of its names', async () => {
    const { send } = createClient();
    for (const origin of ['http://127.0.0.1:8189', 'http://localhost:8189', 'http://[::1]:8189', 'http://LOCALHOST:8189'])
      expect((await send({ url: '/api/jobs', headers: { origin } })).status, origin).toBe(200);
  });

  const foreignOrigins = [
    'null',
    '',
    'https://127.0.0.1:8189',
    'http://127.0.0.1:8188',
    'http://127.0.0.1',
    'http://127.0.0.1:8189.evil.com',
    'http://evil.com',
    'http://127.0.0.1:8189/',
    'file://',
    'HTTP://127.0.0.1:8189',
    'chrome-extension://127.0.0.1:8189',
  ];

  test('is none other', async () => {
    const { send } = createClient();
    for (const origin of foreignOrigins) {
      const answer = await send({ url: '/api/jobs', headers: { origin } });
      expect(answer, origin).toMatchObject({ status: 403, body: refused('FORBIDDEN') });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});
