import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ask, NotSignedIn, signIn } from '../../src/http/dashboard/api.js';
import { createClient } from '../helpers/services.ts';

afterEach(() => void vi.unstubAllGlobals());

const anybody = { authorization: undefined };
const folder = join(import.meta.dirname, '..', '..', 'src', 'http', 'dashboard');
const shared = ['elements.js', 'vocabulary.js', 'words.js', 'work.js'];
const charts = ['/dashboard/uplot.css', '/dashboard/uplot.js'];

/** A page of the dashboard, as a browser gets it. */
function visit(url: string, { app, token }: Pick<ReturnType<typeof createClient>, 'app' | 'token'> = createClient()) {
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
  const client = createClient();
  for (const url of wanted) {
    const { response, token } = await visit(url, client);
    expect(response.statusCode, url).toBe(200);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    expect(response.body).not.toContain(token);
    const named = response.body.matchAll(/(?:src|href|from) ?=? ?["'](\.{0,2}\/[\w./-]+\.\w+)["']/g);
    for (const [, file = ''] of named) wanted.add(new URL(file, `http://daemon${url}`).pathname);
  }
  const files = readdirSync(folder).filter((name) => name !== 'index.html');
  expect([...wanted].sort()).toEqual(
    ['/', ...files.map((name) => `/dashboard/${name}`), ...shared.map((name) => `/comfyui/web/${name}`), ...charts].sort(),
  );
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
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.js')))
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|\beval\b|new Function|https?:/,
    );
});

test('a code is exchanged for a sign-in once, and the token stays with the daemon', async () => {
  const client = createClient();
  const code = await codeOf(client);
  const exchange = () => client.send({ method: 'POST', url: '/api/dashboard/session', payload: { code }, headers: anybody });
  const first = await exchange();
  expect(first).toMatchObject({ status: 200, body: { key: expect.stringMatching(/^[\w-]{43}$/) } });
  expect(JSON.stringify(first)).not.toContain(client.token);
  expect(first.headers['cache-control']).toBe('no-store');
  expect(first.headers['set-cookie']).toMatch(
    /^autocached-8189=[\w-]{43}; Path=\/api\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
  );
  expect(await exchange()).toMatchObject({ status: 403, body: { error: { code: 'FORBIDDEN' } } });
});

test.each([
  ['a guess', { code: 'x'.repeat(43) }, {}, 403],
  ['no code', {}, {}, 400],
  ['more than a code', { code: 'x', more: 1 }, {}, 400],
  ['a large body', { code: 'x'.repeat(2000) }, {}, 413],
  ['a page of another site', { code: 'x' }, { origin: 'http://evil.example' }, 403],
  ['a name that was bent to this machine', { code: 'x' }, { host: 'evil.example:8189' }, 403],
])('%s is not exchanged for a sign-in', async (_what, payload, headers, status) => {
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
  const fetched = answers(200, { key: 'secret' });
  fetched.mockImplementationOnce(async () => {
    expect(shown).toEqual(['/']);
    return new Response(JSON.stringify({ key: 'secret' }));
  });
  expect(await signIn()).toBe(true);
  expect(fetched).toHaveBeenCalledWith('/api/dashboard/session', expect.objectContaining({ body: '{"code":"abc"}' }));
  expect(Object.values(kept)).toEqual(['secret']);
});

test('a browser stays signed in, also when a code is opened twice, and the address of a page is no code', async () => {
  const fetched = answers(403, { error: { message: 'used' } });
  expect(await tab('', { 'autocached-key': 'secret' }).signIn()).toBe(true);
  expect(await tab('#/library', { 'autocached-key': 'secret' }).signIn()).toBe(true);
  expect(fetched).not.toHaveBeenCalled();
  expect(await tab('#old', { 'autocached-key': 'secret' }).signIn()).toBe(true);
  expect(await tab('#old').signIn()).toBe(false);
});

test('what the daemon refuses is told in its own words', async () => {
  answers(404, { error: { message: 'loras/a is not known' } });
  await expect(ask('/api/cache/pin', { ids: [1] })).rejects.toThrow('loras/a is not known');
  answers(401, { error: { message: 'the token is missing' } });
  await expect(ask('/api/jobs', undefined)).rejects.toThrow(NotSignedIn);
  await tab('', { 'autocached-key': 'secret' }).signIn();
  const fetched = answers(200, { ok: true });
  expect(await ask('/api/jobs', undefined)).toEqual({ ok: true });
  expect(fetched.mock.calls[0]?.[1]).toMatchObject({ method: 'GET', headers: { 'X-Autocached-Key': 'secret' } });
});
