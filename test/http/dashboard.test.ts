import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, signIn } from '../../src/http/dashboard/daemon.js';
import { createClient } from '../helpers/services.ts';

afterEach(() => void vi.unstubAllGlobals());

const anybody = { authorization: undefined };

/** A page of the dashboard, as a browser gets it. */
function visit(url: string) {
  const { app, token } = createClient();
  return app.inject({ method: 'GET', url, headers: { host: '127.0.0.1:8189' } }).then((response) => ({ response, token }));
}

/** A code that was just issued. */
async function codeOf({ post }: Pick<ReturnType<typeof createClient>, 'post'>): Promise<string> {
  const { body } = await post('/api/dashboard/code');
  const { path } = body as { path: string };
  expect(path).toMatch(/^\/#[\w-]{43}$/);
  return path.slice(2);
}

test('the page and all that it loads are served without the token, and hold nothing of anybody', async () => {
  const wanted = new Set(['/']);
  for (const url of wanted) {
    const { response, token } = await visit(url);
    expect(response.statusCode, url).toBe(200);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.body).not.toContain(token);
    const named = response.body.matchAll(/(?:src|href|from) ?=? ?["'](?:\.\/|\/dashboard\/)([\w.-]+)["']/g);
    for (const [, file] of named) wanted.add(`/dashboard/${file}`);
  }
  expect([...wanted].sort()).toEqual([
    '/',
    '/dashboard/daemon.js',
    '/dashboard/dashboard.css',
    '/dashboard/dashboard.js',
    '/dashboard/elements.js',
    '/dashboard/results.js',
    '/dashboard/vocabulary.js',
    '/dashboard/words.js',
  ]);
});

test('the page may load and ask nothing but the daemon, and nobody may frame it', async () => {
  const { response } = await visit('/');
  expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
  const policy = String(response.headers['content-security-policy']).split('; ');
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(response.body).not.toMatch(/<script>|<style|\bon\w+=|https?:/);
});

test('its scripts set no markup and run no text', () => {
  const folder = join(import.meta.dirname, '..', '..', 'src', 'http', 'dashboard');
  for (const file of ['dashboard.js', 'daemon.js', 'results.js'])
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|\beval\b|new Function|https?:/,
    );
});

test('a code is exchanged for the token once', async () => {
  const client = createClient();
  const code = await codeOf(client);
  const exchange = () => client.send({ method: 'POST', url: '/api/dashboard/session', payload: { code }, headers: anybody });
  const first = await exchange();
  expect(first).toMatchObject({ status: 200, body: { token: client.token } });
  expect(first.headers['cache-control']).toBe('no-store');
  expect(await exchange()).toMatchObject({ status: 403, body: { error: { code: 'FORBIDDEN' } } });
});

test.each([
  ['a guess', { code: 'x'.repeat(43) }, {}, 403],
  ['no code', {}, {}, 400],
  ['more than a code', { code: 'x', more: 1 }, {}, 400],
  ['a large body', { code: 'x'.repeat(2000) }, {}, 413],
  ['a page of another site', { code: 'x' }, { origin: 'http://evil.example' }, 403],
  ['a name that was bent to this machine', { code: 'x' }, { host: 'evil.example:8189' }, 403],
])('%s is not exchanged for the token', async (_what, payload, headers, status) => {
  const { send } = createClient();
  const answer = await send({ method: 'POST', url: '/api/dashboard/session', payload, headers: { ...anybody, ...headers } });
  expect(answer.status).toBe(status);
});

/** A tab of a browser. */
function tab(hash: string, kept: Record<string, string> = {}) {
  const shown: string[] = [];
  const storage = {
    getItem: (key: string) => kept[key] ?? null,
    setItem: (key: string, value: string) => Object.assign(kept, { [key]: value }),
  };
  const history = { replaceState: (_state: unknown, _title: string, address: string) => void shown.push(address) };
  return { kept, shown, signIn: () => signIn({ hash, pathname: '/' }, history, storage) };
}

const answers = (status: number, body: object) => {
  const fetched = vi.fn(async (_path: string, _options: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal('fetch', fetched);
  return fetched;
};

test('the page exchanges the code in its address, which is gone from there before anybody is asked', async () => {
  const { shown, kept, signIn } = tab('#abc');
  const fetched = answers(200, { token: 'secret' });
  fetched.mockImplementationOnce(async () => {
    expect(shown).toEqual(['/']);
    return new Response(JSON.stringify({ token: 'secret' }));
  });
  expect(await signIn()).toBe('secret');
  expect(fetched).toHaveBeenCalledWith('/api/dashboard/session', expect.objectContaining({ body: '{"code":"abc"}' }));
  expect(Object.values(kept)).toEqual(['secret']);
});

test('a tab stays signed in, also when a code is opened twice', async () => {
  const fetched = answers(403, { error: { message: 'used' } });
  expect(await tab('', { 'autocached-token': 'secret' }).signIn()).toBe('secret');
  expect(fetched).not.toHaveBeenCalled();
  expect(await tab('#old', { 'autocached-token': 'secret' }).signIn()).toBe('secret');
  expect(await tab('#old').signIn()).toBeNull();
});

test('what the daemon refuses is told in its own words', async () => {
  answers(404, { error: { message: 'loras/a is not known' } });
  await expect(ask('secret', '/api/cache/pin', { ids: [1] })).rejects.toThrow('loras/a is not known');
  const fetched = answers(200, { ok: true });
  expect(await ask('secret', '/api/jobs', undefined)).toEqual({ ok: true });
  expect(fetched.mock.calls[0]?.[1]).toEqual({ headers: { Authorization: 'Bearer secret' } });
});
