import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { describe, expect, test, vi } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { createClient } from '../helpers/services.ts';
import { keyOf } from './memo-rig.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** Requests with bodies as they are written here. */
function createMemoClient() {
  const client = createClient();
  const { app, token } = client;
  const raw = (url: string, payload: string) =>
    client.send({ method: 'POST', url, payload, headers: { 'content-type': 'application/json' } });
  const putBlob = (sha256: string, payload: string) => blobRequest(app, token, 'PUT', sha256, payload);
  return {
    ...client,
    raw,
    putBlob,
    getBlob: (sha256: string, range?: string) => blobRequest(app, token, 'GET', sha256, undefined, range),
  };
}

function blobRequest(
  app: FastifyInstance,
  token: string,
  method: 'GET' | 'PUT' | 'HEAD',
  sha256: string,
  payload?: string,
  range?: string,
) {
  const headers = {
    host: '127.0.0.1:8189',
    authorization: `Bearer ${token}`,
    ...(payload !== undefined && { 'content-type': 'image/png' }),
    ...(range !== undefined && { range }),
  };
  return app.inject({ method, url: `/api/memo/blobs/${sha256}`, headers, ...(payload !== undefined && { payload }) });
}

describe('/api/memo', () => {
  test('a result by its parts, whatever the order of their names', async () => {
    const { post, raw } = createMemoClient();
    const put = await raw('/api/memo/put', '{"ns":"shop","parts":{"a":1,"seed":18446744073709551615},"value":1.0}');
    expect(put).toMatchObject({ status: 200, body: { stored: true } });
    const found = await raw('/api/memo/get', '{"parts": {"seed": 18446744073709551615, "a": 1.0}, "ns": "shop"}');
    expect(found.body).toMatchObject({ state: 'hit', value: 1, key: (put.body as { key: string }).key });
    const other = await raw('/api/memo/get', '{"ns":"shop","parts":{"a":1,"seed":18446744073709551614}}');
    expect(other.body).toMatchObject({ state: 'miss' });
    expect(
      (await post('/api/memo/get', { ns: 'shop', keys: [keyOf(1), (put.body as { key: string }).key] })).body,
    ).toMatchObject({
      results: [{ state: 'miss', key: keyOf(1) }, { state: 'hit' }],
    });
  });

  test('a version makes other keys', async () => {
    const { post, send } = createMemoClient();
    await post('/api/memo/put', { ns: 'n', parts: 1, value: 'one' });
    const changed = await send({ method: 'PUT', url: '/api/memo/namespaces/n', payload: { version: '2', ttl: '1h' } });
    expect(changed.body).toMatchObject({ name: 'n', version: '2', settings: { ttlMs: 3_600_000 }, items: 1 });
    expect((await post('/api/memo/get', { ns: 'n', parts: 1 })).body).toMatchObject({ state: 'miss' });
    expect((await post('/api/memo/get', { ns: 'n', parts: 1, version: '' })).body).toMatchObject({ state: 'hit' });
  });

  test('blobs: missing, put, read with ranges, and named by a result', async () => {
    const { app, token, post, putBlob, getBlob } = createMemoClient();
    const sha256 = sha('picture');
    expect((await post('/api/memo/blobs/missing', { sha256: [sha256] })).body).toEqual({ missing: [sha256] });
    expect((await putBlob(sha256, 'picture')).json()).toEqual({ sha256, size: 7 });
    expect((await post('/api/memo/blobs/missing', { sha256: [sha256] })).body).toEqual({ missing: [] });
    const whole = await getBlob(sha256);
    expect([whole.statusCode, whole.body, whole.headers['content-length']]).toEqual([200, 'picture', '7']);
    const part = await getBlob(sha256, 'bytes=1-3');
    expect([part.statusCode, part.body, part.headers['content-range']]).toEqual([206, 'ict', 'bytes 1-3/7']);
    expect((await getBlob(sha256, 'bytes=9-')).statusCode).toBe(416);
    const head = await blobRequest(app, token, 'HEAD', sha256);
    expect([head.statusCode, head.body, head.headers['content-length']]).toEqual([200, '', '7']);
    expect((await getBlob(sha('another'))).statusCode).toBe(404);
    await post('/api/memo/put', { ns: 'n', key: keyOf(1), blob: sha256, contentType: 'image/png' });
    expect((await post('/api/memo/get', { ns: 'n', key: keyOf(1) })).body).toMatchObject({
      kind: 'bytes',
      sha256,
      size: 7,
      contentType: 'image/png',
    });
  });

  test('take, renew, put: the second asker gets the result of the first', async () => {
    const { post } = createMemoClient();
    const { body } = await post('/api/memo/take', { ns: 'n', parts: 1 });
    expect(body).toEqual({ state: 'compute', lease: expect.any(String), leaseMs: 30_000, fence: expect.any(Number) });
    const { lease } = body as { lease: string };
    const second = post('/api/memo/take', { ns: 'n', parts: 1 });
    expect((await post('/api/memo/renew', { lease })).body).toEqual({ leaseMs: 30_000 });
    await post('/api/memo/put', { ns: 'n', parts: 1, lease, value: [1, 2] });
    expect((await second).body).toMatchObject({ state: 'hit', value: [1, 2] });
    expect(await post('/api/memo/renew', { lease })).toMatchObject({ status: 409, body: { error: { code: 'LEASE_LOST' } } });
  });

  test('a lease whose result cannot be shared is given back: all who wait compute', async () => {
    const { post, services } = createMemoClient();
    const { body } = await post('/api/memo/take', { ns: 'n', parts: 1 });
    const others = [1, 2].map(() => post('/api/memo/take', { ns: 'n', parts: 1 }));
    await vi.waitFor(() => expect(services.memo.manage.stats().waiting).toBe(2), { timeout: patience(4_000) });
    const { lease } = body as { lease: string };
    expect((await post('/api/memo/release', { lease, all: true })).body).toEqual({ ok: true });
    for (const other of others) expect((await other).body).toEqual({ state: 'timeout' });
  });

  test.each([
    ['no JSON', '/api/memo/get', '{"ns":', 'BAD_REQUEST'],
    ['NaN', '/api/memo/get', '{"ns":"n","parts":NaN}', 'BAD_REQUEST'],
    ['a number beyond all', '/api/memo/get', '{"ns":"n","parts":1e999}', 'BAD_REQUEST'],
    ['a list', '/api/memo/get', '[1]', 'BAD_REQUEST'],
    ['no key', '/api/memo/get', '{"ns":"n"}', 'BAD_REQUEST'],
    ['two keys', '/api/memo/get', `{"ns":"n","key":"${keyOf(1)}","parts":1}`, 'BAD_REQUEST'],
    ['a key that is no hash', '/api/memo/get', '{"ns":"n","key":"abc"}', 'BAD_REQUEST'],
    [
      '501 keys',
      '/api/memo/get',
      JSON.stringify({ ns: 'n', keys: Array.from({ length: 501 }, (_, index) => keyOf(index)) }),
      'BAD_REQUEST',
    ],
    ['an odd namespace', '/api/memo/get', '{"ns":"../x","parts":1}', 'BAD_REQUEST'],
    ['an unknown field', '/api/memo/put', '{"ns":"n","parts":1,"value":1,"tll":"1h"}', 'BAD_REQUEST'],
    ['no value', '/api/memo/put', '{"ns":"n","parts":1}', 'BAD_REQUEST'],
    ['a value and a blob', '/api/memo/put', `{"ns":"n","parts":1,"value":1,"blob":"${keyOf(1)}"}`, 'BAD_REQUEST'],
    ['a blob that is not here', '/api/memo/put', `{"ns":"n","parts":1,"blob":"${keyOf(1)}"}`, 'NOT_FOUND'],
    [
      '10,000 tags',
      '/api/memo/put',
      JSON.stringify({ ns: 'n', parts: 1, value: 1, tags: Array(10_000).fill('t') }),
      'BAD_REQUEST',
    ],
    ['a strange ttl', '/api/memo/put', '{"ns":"n","parts":1,"value":1,"ttl":"soon"}', 'BAD_REQUEST'],
    ['a dep that is no file', '/api/memo/put', '{"ns":"n","parts":1,"value":1,"deps":["http://x"]}', 'BAD_REQUEST'],
    ['a lease that never was', '/api/memo/put', '{"ns":"n","parts":1,"value":1,"lease":"x"}', 'LEASE_LOST'],
    ['nothing to invalidate', '/api/memo/invalidate', '{}', 'BAD_REQUEST'],
    ['a whole namespace without "all"', '/api/memo/invalidate', '{"ns":"n"}', 'BAD_REQUEST'],
    ['too many levels', '/api/memo/get', `{"ns":"n","parts":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'BAD_REQUEST'],
  ])('%s is refused in words', async (_what, url, body, code) => {
    const { raw, get } = createMemoClient();
    const answer = await raw(url, body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body).toMatchObject({ error: { code, message: expect.any(String) } });
    expect((await get('/api/cache/stats?plane=memo')).body).toMatchObject({ current_items: 0 });
  });

  test('bytes with another hash are refused, and so is a name that is none', async () => {
    const { putBlob } = createMemoClient();
    const other = await putBlob(sha('a'), 'b');
    expect([other.statusCode, other.json().error.code]).toEqual([422, 'HASH_MISMATCH']);
    expect((await putBlob('xyz', 'b')).statusCode).toBe(400);
  });

  test('a namespace has limits of its own, and loses them', async () => {
    const { send, post } = createMemoClient();
    for (const parts of [1, 2, 3]) await post('/api/memo/put', { ns: 'n', parts, value: parts });
    const change = (payload: object) => send({ method: 'PUT', url: '/api/memo/namespaces/n', payload });
    expect((await change({ maxItems: 2, maxBytes: '1GiB' })).body).toMatchObject({
      items: 2,
      settings: { maxItems: 2, maxBytes: 2 ** 30 },
    });
    for (const wrong of [{ maxItems: 0 }, { maxItems: 1.5 }, { maxBytes: 0 }, { maxBytes: '0' }, { maxBytes: 'much' }])
      expect((await change(wrong)).status).toBe(400);
    expect((await change({ maxItems: null, maxBytes: 500 })).body).toMatchObject({ settings: { maxBytes: 500 } });
  });

  test('a namespace may keep negative results, for a minute at most', async () => {
    const { send, post } = createMemoClient();
    const put = () => post('/api/memo/put', { ns: 'n', parts: 1, value: null, negative: true });
    expect((await put()).body).toMatchObject({ stored: false, reason: 'NEGATIVE' });
    const change = (negativeTtl: unknown) => send({ method: 'PUT', url: '/api/memo/namespaces/n', payload: { negativeTtl } });
    expect((await change('2m')).status).toBe(400);
    expect((await change('30s')).body).toMatchObject({ settings: { negativeTtlMs: 30_000 } });
    expect((await put()).body).toMatchObject({ stored: true });
    expect((await change(null)).body).toMatchObject({ settings: {} });
    expect((await put()).body).toMatchObject({ stored: false });
  });
});

describe('/api/cache with plane=memo', () => {
  test('stats have the fields that programs know', async () => {
    const { post, get } = createMemoClient();
    await post('/api/memo/put', { ns: 'n', parts: 1, value: 'x'.repeat(1022) });
    for (const parts of [1, 1, 1, 2]) await post('/api/memo/get', { ns: 'n', parts });
    const { body } = await get('/api/cache/stats?plane=memo');
    expect(body).toMatchObject({
      hits: 3,
      misses: 1,
      hit_rate: '75%',
      evictions: 0,
      current_items: 1,
      current_memory_mb: 0.000977,
      max_items: 10_000,
      max_memory_mb: expect.any(Number),
      memory_utilization: '0%',
    });
    expect((await get('/api/cache/stats')).body).toMatchObject({ memo: body, tiers: expect.any(Array) });
    expect((await get('/api/cache/stats?plane=other')).status).toBe(400);
  });

  test('config changes limits at once', async () => {
    const { post, get } = createMemoClient();
    for (const parts of [1, 2, 3]) await post('/api/memo/put', { ns: 'n', parts, value: parts });
    const changed = await post('/api/cache/config', { plane: 'memo', max_items: 2, max_memory_mb: 1.5 });
    expect(changed).toMatchObject({ status: 200, body: { max_items: 2, max_memory_mb: 1.5 } });
    expect((await get('/api/cache/stats?plane=memo')).body).toMatchObject({ current_items: 2, evictions: 1 });
    expect((await get('/api/cache/config?plane=memo')).body).toMatchObject({
      max_items: 2,
      settings: expect.arrayContaining([expect.objectContaining({ key: 'AUTOCACHE_MEMO_ITEMS', value: '2', from: 'live' })]),
    });
    expect((await post('/api/cache/config', { plane: 'memo', max_items: 0 })).status).toBe(400);
  });

  test('clear, entries and warm', async () => {
    const { post, get, raw } = createMemoClient();
    const items = '[{"ns":"n","parts":{"seed":18446744073709551615},"value":1.0,"tags":["t"]},{"ns":"n","parts":2}]';
    const warmed = await raw('/api/cache/warm', `{"plane":"memo","items":${items}}`);
    expect(warmed.body).toMatchObject({ items: [{ state: 'stored' }, { state: 'miss' }] });
    expect((await raw('/api/memo/get', '{"ns":"n","parts":{"seed":18446744073709551615}}')).body).toMatchObject({
      state: 'hit',
    });
    const again = await raw('/api/cache/warm', `{"plane":"memo","items":${items}}`);
    expect(again.body).toMatchObject({ items: [{ state: 'hit' }, { state: 'miss' }] });
    expect((await get('/api/cache/entries?plane=memo&tag=t')).body).toMatchObject({
      total: 1,
      entries: [{ ns: 'n', hits: 1, tags: ['t'] }],
    });
    expect((await post('/api/cache/clear', { plane: 'memo', all: true, dryRun: true })).body).toEqual({ removed: 1, bytes: 3 });
    expect((await post('/api/cache/clear', { plane: 'memo', all: true })).body).toEqual({ removed: 1, bytes: 3 });
    expect((await get('/api/cache/entries?plane=memo')).body).toEqual({ total: 0, entries: [] });
  });

  test.each([
    ['SHOP', 1],
    ['thumb', 1],
    ['Flux', 2],
    [keyOf(2).slice(-3), 1],
    ['%', 0],
    ['nothing', 0],
  ])('entries with %j in the namespace, the key, the label or a tag', async (search, total) => {
    const { post, get } = createMemoClient();
    await post('/api/memo/put', { ns: 'shop', key: keyOf(1), value: 1, label: 'a Thumb', tags: ['model:flux'] });
    await post('/api/memo/put', { ns: 'n', key: keyOf(2), value: 1, tags: ['flux'] });
    const { body } = await get(`/api/cache/entries?${new URLSearchParams({ plane: 'memo', search })}`);
    expect(body).toMatchObject({ total });
  });

  test('what is dear or destructive is bounded to 30 requests a minute; the models are not', async () => {
    const { post, clock } = createMemoClient();
    const statuses: number[] = [];
    for (let index = 0; index < 31; index += 1)
      statuses.push((await post('/api/memo/invalidate', { ns: 'n', keys: [keyOf(index)] })).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    const refused = await post('/api/cache/clear', { plane: 'memo', all: true });
    expect(refused).toMatchObject({ status: 429, body: { error: { code: 'RATE_LIMITED' } } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await post('/api/cache/clear', { all: true })).status).toBe(200);
    vi.spyOn(clock, 'monotonic').mockReturnValue(clock.monotonic() + 60_000);
    expect((await post('/api/cache/clear', { plane: 'memo', all: true })).status).toBe(200);
  });
});

test('the figures for Prometheus are by namespace, and no key is in them', async () => {
  const { app, token, post } = createMemoClient();
  await post('/api/memo/put', { ns: 'shop', key: keyOf(7), value: 'x', costMs: 5000, label: 'secret prompt' });
  for (const key of [keyOf(7), keyOf(7), keyOf(8)]) await post('/api/memo/get', { ns: 'shop', key });
  const headers = { host: '127.0.0.1:8189', authorization: `Bearer ${token}` };
  const { body } = await app.inject({ url: '/metrics', headers });
  expect(body).toContain('autocached_memo_hits_total{ns="shop",layer="ram"} 2');
  expect(body).toContain('autocached_memo_get_seconds_count{outcome="hit"} 2');
  expect(body).toContain('autocached_memo_get_seconds_count{outcome="miss"} 1');
  expect(body).toMatch(/autocached_memo_get_seconds\{outcome="hit",quantile="0\.95"\} \d/);
  expect(body).toContain('autocached_memo_misses_total{ns="shop"} 1');
  expect(body).toContain('autocached_memo_seconds_saved_total{ns="shop"} 10');
  expect(body).toContain('autocached_memo_items 1');
  expect(body).not.toContain(keyOf(7));
  expect(body).not.toContain('secret');
});
