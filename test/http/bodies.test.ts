import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createClient } from '../helpers/services.ts';

const error = (code: string, message: unknown = expect.any(String)) => ({
  error: { code, message, hint: expect.toSatisfy((hint: unknown) => hint === null || typeof hint === 'string') },
});
const mib = 1024 * 1024;
const json = { 'content-type': 'application/json' };

describe('what is no JSON is refused', () => {
  test.each([
    ['text/plain, which a page may send without asking', 'text/plain'],
    ['text/plain with a charset', 'text/plain;charset=UTF-8'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['a form with files', 'multipart/form-data; boundary=x'],
    ['JSON by another name', 'text/json'],
  ])('as %s', async (_what, type) => {
    const { send, stop } = createClient();
    for (const url of ['/api/lookup', '/api/cache/clear', '/api/shutdown']) {
      const answer = await send({ method: 'POST', url, headers: { 'content-type': type }, payload: '{"all":true}' });
      expect(answer).toMatchObject({ status: 415, body: error('NOT_JSON') });
    }
    expect(stop).not.toHaveBeenCalled();
  });

  test('without a type', async () => {
    const { send } = createClient();
    const answer = await send({ method: 'POST', url: '/api/lookup', payload: '{"path":"/a"}' });
    expect(answer).toMatchObject({ status: 415, body: error('NOT_JSON') });
  });

  test.each(['{', '', '{"path":}', '{"__proto__":{"x":1}}', 'NaN', '\u0000'])('%j', async (payload) => {
    const { send } = createClient();
    const answer = await send({ method: 'POST', url: '/api/lookup', headers: json, payload });
    expect(answer).toMatchObject({ status: 400, body: error('BAD_REQUEST') });
  });

  test.each(['null', '[]', '"text"', '5', 'true'])('nor is %s a request', async (payload) => {
    const { send } = createClient();
    for (const url of ['/api/lookup', '/api/cache/clear', '/api/cache/evict', '/api/roots', '/api/leases']) {
      const answer = await send({ method: 'POST', url, headers: json, payload });
      expect(answer, url).toMatchObject({ status: 400, body: error('BAD_REQUEST') });
    }
  });

  test.each([
    ['/api/lookup', 300 * 1024, '256 KiB'],
    ['/api/jobs/pause', 300 * 1024, '256 KiB'],
    ['/api/cache/config', 300 * 1024, '256 KiB'],
    ['/api/cache/evict', 5 * mib, '4 MiB'],
    ['/api/memo/release', 5 * mib, '4 MiB'],
    ['/api/workflows/analyze', 17 * mib, '16 MiB'],
    ['/api/memo/put', 17 * mib, '16 MiB'],
  ])('of %s, %i bytes are too much, and the answer says how much is not', async (url, length, most) => {
    const { send } = createClient();
    const payload = JSON.stringify({ path: `/${'a'.repeat(length)}` });
    const answer = await send({ method: 'POST', url, headers: json, payload });
    expect(answer).toMatchObject({ status: 413, body: error('BODY_TOO_LARGE', expect.stringContaining(most)) });
  });

  test.each([
    ['/api/lookup', { path: `/${'é'.repeat(32_000)}` }],
    [
      '/api/cache/evict',
      { paths: Array.from({ length: 10_000 }, (_, at) => `/models/loras/${'a'.repeat(200)}-${at}.safetensors`) },
    ],
    ['/api/roots', { roots: Array.from({ length: 10_000 }, (_, at) => ({ path: `/models/${'a'.repeat(200)}/${at}` })) }],
    [
      '/api/leases',
      { client: { app: 'x' }, given: Array.from({ length: 100_000 }, (_, at) => `/cache/${'a'.repeat(80)}/${at}`) },
    ],
  ])('the longest that %s may get is not', { tags: 'slow' }, async (url, body) => {
    const { send } = createClient();
    const answer = await send({ method: 'POST', url, headers: json, payload: JSON.stringify(body) });
    expect(answer.status).not.toBe(413);
  });
});

describe('20 bodies of 14 MB at once', () => {
  const large = JSON.stringify({ workflow: { note: 'a'.repeat(14e6) } });
  const sendAll = ({ send }: ReturnType<typeof createClient>) =>
    Array.from({ length: 20 }, () => send({ method: 'POST', url: '/api/workflows/analyze', headers: json, payload: large }));

  test('are read as far as there is room for them, and the others are told when to try again', { tags: 'slow' }, async () => {
    const answers = await Promise.all(sendAll(createClient()));
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(20);
    for (const { body, headers } of refused) {
      expect(body).toMatchObject(error('BUSY'));
      expect(headers['retry-after']).toBe('1');
    }
  });

  test('do not keep a lookup waiting, and leave room when they are done', { tags: 'slow' }, async () => {
    const client = createClient();
    const all = Promise.all(sendAll(client));
    const order: string[] = [];
    void all.then(() => order.push('large'));
    expect(await client.get('/healthz')).toMatchObject({ status: 200 });
    const { path } = client.source('loras/a.safetensors', 1000);
    expect(await client.post('/api/lookup', { path })).toMatchObject({ status: 200 });
    order.push('lookup');
    await all;
    expect(order).toEqual(['lookup', 'large']);
    const [answer] = await Promise.all(sendAll(client).slice(0, 1));
    expect(answer?.status).not.toBe(503);
  });
});

describe('a body with a million of something is refused before each of them is looked at', () => {
  test.each([
    ['fields', `{${Array.from({ length: 200_000 }, (_, index) => `"k${index}":1`).join(',')}}`, 'fields'],
    ['items', `{"ids":[${'1,'.repeat(1e6)}1]}`, 'items'],
    ['levels', `{"ids":${'['.repeat(500_000)}${']'.repeat(500_000)}}`, 'levels'],
    ['levels, not closed', '['.repeat(500_000), 'levels'],
  ])('%s', async (_what, payload, why) => {
    const { send } = createClient();
    const answer = await send({ method: 'POST', url: '/api/cache/evict', headers: json, payload });
    expect(answer).toMatchObject({ status: 400, body: error('BAD_REQUEST', expect.stringContaining(why)) });
  });

  test('and of many problems the first are told, with how many more there are', async () => {
    const { send } = createClient();
    const payload = JSON.stringify({ ids: Array.from({ length: 5000 }, () => 'a') });
    const answer = await send({ method: 'POST', url: '/api/cache/evict', headers: json, payload });
    expect(answer).toMatchObject({ status: 400, body: error('BAD_REQUEST', expect.stringMatching(/; and 4980 more$/)) });
    expect(JSON.stringify(answer.body).length).toBeLessThan(2000);
  });
});

describe('what no program could mean is refused, with every field that is wrong', () => {
  const lookups: [string, object, string][] = [
    ['nothing', {}, 'path'],
    ['a category without a name', { category: 'loras' }, 'name'],
    ['a relative path', { path: 'models/a.safetensors' }, 'absolute'],
    ['an empty path', { path: '' }, 'path'],
    ['a path with a NUL', { path: '/a\0b' }, 'NUL'],
    ['a path of 40,000 characters', { path: `/${'a'.repeat(40_000)}` }, 'path'],
    ['a name of 40,000 characters', { category: 'loras', name: 'a'.repeat(40_000) }, 'name'],
    ['a path that is no text', { path: ['/a'] }, 'path'],
    ['a negative size', { path: '/a', size: -1 }, 'size'],
    ['a broken size', { path: '/a', size: 1.5 }, 'size'],
    ['a size beyond all numbers', { path: '/a', size: 1e300 }, 'size'],
    ['an mtime as a number', { path: '/a', mtimeNs: 5 }, 'mtimeNs'],
    ['an mtime that is none', { path: '/a', mtimeNs: '1e9' }, 'mtimeNs'],
    ['a purpose that nobody has', { path: '/a', purpose: 'steal' }, 'purpose'],
    ['a negative wait', { path: '/a', waitMs: -1 }, 'waitMs'],
    ['an asker without a name', { path: '/a', client: {} }, 'client.app'],
  ];

  test.each(lookups)('a lookup of %s', async (_what, payload, named) => {
    const { post, copier } = createClient();
    const answer = await post('/api/lookup', payload);
    expect(answer).toMatchObject({ status: 400, body: error('BAD_REQUEST', expect.stringContaining(named)) });
    expect(copier.jobs()).toEqual([]);
  });

  test('two mistakes are told at once', async () => {
    const { post } = createClient();
    const { body } = await post('/api/lookup', { path: 'x', waitMs: 'long' });
    expect(body).toMatchObject(error('BAD_REQUEST', expect.stringMatching(/path.*waitMs/)));
  });

  test.each([
    '/mnt/../etc/passwd',
    '/etc/passwd',
    '/proc/self/mem',
    '//server/share/a',
    '/a/./b/../../../c',
    'C:\\x',
    '\\\\?\\C:\\x',
  ])('a path outside all roots (%s) is given back as it is, and nothing is read', async (path) => {
    const { post, sources, copier } = createClient();
    const { status, body } = await post('/api/lookup', { path });
    if (status === 400) expect(body).toMatchObject(error('BAD_REQUEST'));
    else expect(body).toMatchObject({ path, reason: 'BYPASS_UNKNOWN_ROOT' });
    expect(sources.stat).not.toHaveBeenCalled();
    expect(copier.jobs()).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['nothing', {}, 'no copies were named'],
    ['"all" that is not', { all: false }, 'no copies were named'],
    ['a trial of nothing', { dryRun: true }, 'no copies were named'],
    ['a word that is misspelt', { all: true, dryrun: true }, 'dryrun'],
    ['a filter that nobody knows', { al: true }, 'al'],
    ['a tier that nobody has', { tier: 'hdd' }, 'tier'],
    ['an empty glob', { glob: '' }, 'glob'],
    ['a relative root', { root: 'models' }, 'root'],
    ['a negative age', { olderThanMs: -1 }, 'olderThanMs'],
  ])('clearing %s empties nothing', async (_what, payload, named) => {
    const rig = createClient();
    await rig.copy(rig.source('loras/a.safetensors', 1000).path);
    expect(await rig.post('/api/cache/clear', payload)).toMatchObject({
      status: 400,
      body: error('BAD_REQUEST', expect.stringContaining(named)),
    });
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });

  test('evicting with a word that is misspelt evicts nothing', async () => {
    const rig = createClient();
    const { path } = rig.source('loras/a.safetensors', 1000);
    await rig.copy(path);
    expect(await rig.post('/api/cache/evict', { paths: [path], dryrun: true })).toMatchObject({ status: 400 });
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });

  test.each(['/api/cache/evict', '/api/cache/pin', '/api/cache/unpin'])(
    '%s of nothing, or of what nobody knows',
    async (url) => {
      const { post, root } = createClient();
      for (const payload of [{}, { ids: [] }, { paths: [], names: [] }]) {
        expect(await post(url, payload)).toMatchObject({ status: 400, body: error('BAD_REQUEST') });
      }
      for (const payload of [
        { ids: [99] },
        { paths: [join(root, 'none')] },
        { paths: ['/elsewhere'] },
        { names: ['loras/none'] },
      ]) {
        expect(await post(url, payload)).toMatchObject({ status: 404, body: error('NOT_FOUND') });
      }
      expect(await post(url, { names: ['noslash'] })).toMatchObject({ status: 400, body: error('BAD_REQUEST') });
    },
  );

  test.each([
    ['/api/cache/entries?sort=rowid', 'sort'],
    ['/api/cache/entries?limit=0', 'limit'],
    ['/api/cache/entries?limit=abc', 'limit'],
    ['/api/cache/entries?offset=-1', 'offset'],
    ['/api/cache/entries?cached=maybe', 'cached'],
    ['/api/cache/entries?category=a&category=b', 'category'],
    ['/api/cache/explain', 'path'],
    ['/api/cache/explain?path=relative', 'absolute'],
  ])('%s', async (url, named) => {
    const { get } = createClient();
    expect(await get(url)).toMatchObject({ status: 400, body: error('BAD_REQUEST', expect.stringContaining(named)) });
  });

  test.each(['abc', '1.5', '%zz', '..%2f..'])('a job called %s', async (id) => {
    const { send } = createClient();
    expect(await send({ method: 'DELETE', url: `/api/jobs/${id}` })).toMatchObject({ status: 400, body: error('BAD_REQUEST') });
  });
});

describe('what goes wrong inside is told without its insides', () => {
  test('as INTERNAL with one log line', async () => {
    const rig = createClient();
    const logged = vi.spyOn(rig.log, 'error');
    vi.spyOn(rig.catalog.usage, 'daily').mockImplementation(() => {
      throw new Error('database or disk is full');
    });
    const answer = await rig.get('/api/cache/stats');
    expect(answer).toEqual({ status: 500, body: error('INTERNAL', 'database or disk is full'), headers: expect.anything() });
    expect(logged).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['GET', '/api/nothing'],
    ['POST', '/api/openapi-json'],
  ] as const)('%s %s is not there', async (method, url) => {
    const { send } = createClient();
    expect(await send({ method, url })).toMatchObject({ status: 404, body: error('NOT_FOUND', expect.stringContaining(url)) });
  });

  test.each([
    ['PUT', '/api/lookup', 'POST'],
    ['GET', '/api/lookup', 'POST'],
    ['DELETE', '/api/jobs', 'GET, HEAD'],
    ['PUT', '/api/jobs/7/', 'DELETE'],
  ] as const)('%s %s is refused, and the answer names the methods that the path has: %s', async (method, url, allow) => {
    const { send } = createClient();
    expect(await send({ method, url })).toMatchObject({
      status: 405,
      headers: { allow },
      body: error('METHOD_NOT_ALLOWED', expect.stringContaining(method)),
    });
  });
});
