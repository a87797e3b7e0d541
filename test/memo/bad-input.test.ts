import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createClient } from '../helpers/services.ts';
import { keyOf } from './memo-rig.ts';

const json = { 'content-type': 'application/json' };
const put = (fields: string) => ['/api/memo/put', `{"ns":"n","parts":1,"value":1,${fields}}`] as const;
const list = (of: string, count: number) => `[${Array(count).fill(of).join()}]`;

/** A client of a daemon that keeps one result, and how that is found. */
async function createSender() {
  const client = createClient();
  const raw = (url: string, payload: string, method: 'POST' | 'PUT' = 'POST', headers = json) =>
    client.send({ method, url, payload, headers });
  await raw('/api/memo/put', '{"ns":"kept","parts":1,"value":"kept"}');
  const kept = async () => (await raw('/api/memo/get', '{"ns":"kept","parts":1}')).body;
  return { ...client, raw, kept };
}

describe('bad input has one clear error, and costs nothing', () => {
  test.each<[string, readonly [string, string], number, string]>([
    ['a body that is no JSON', ['/api/memo/put', 'value=1'], 400, 'BAD_REQUEST'],
    ['a body that ends too soon', ['/api/memo/take', '{"ns":"n"'], 400, 'BAD_REQUEST'],
    ['an empty body', ['/api/memo/get', ''], 400, 'BAD_REQUEST'],
    ['null', ['/api/memo/get', 'null'], 400, 'BAD_REQUEST'],
    ['a string', ['/api/memo/put', '"x"'], 400, 'BAD_REQUEST'],
    ['NaN in a value', ['/api/memo/put', '{"ns":"n","parts":1,"value":NaN}'], 400, 'BAD_REQUEST'],
    ['Infinity in a key', ['/api/memo/take', '{"ns":"n","parts":Infinity}'], 400, 'BAD_REQUEST'],
    ['a number beyond all in a key', ['/api/memo/put', '{"ns":"n","parts":[-1e400],"value":1}'], 400, 'BAD_REQUEST'],
    ['a key in capitals', ['/api/memo/get', `{"ns":"n","key":"${'A'.repeat(64)}"}`], 400, 'BAD_REQUEST'],
    ['a key of 63 digits', ['/api/memo/take', `{"ns":"n","key":"${'a'.repeat(63)}"}`], 400, 'BAD_REQUEST'],
    ['a key that is a number', ['/api/memo/get', '{"ns":"n","key":7}'], 400, 'BAD_REQUEST'],
    ['one wrong key of two', ['/api/memo/get', `{"ns":"n","keys":["${keyOf(1)}","x"]}`], 400, 'BAD_REQUEST'],
    ['keys to invalidate that are none', ['/api/memo/invalidate', '{"ns":"n","keys":["x"]}'], 400, 'BAD_REQUEST'],
    ['blobs that are none', ['/api/memo/blobs/missing', '{"sha256":["x"]}'], 400, 'BAD_REQUEST'],
    ['no namespace', ['/api/memo/get', '{"parts":1}'], 400, 'BAD_REQUEST'],
    ['an empty namespace', ['/api/memo/get', '{"ns":"","parts":1}'], 400, 'BAD_REQUEST'],
    ['a namespace with a NUL', ['/api/memo/get', '{"ns":"a\\u0000b","parts":1}'], 400, 'BAD_REQUEST'],
    ['a namespace with a quote', ['/api/memo/get', '{"ns":"a\\"b","parts":1}'], 400, 'BAD_REQUEST'],
    ['a namespace in two lines', ['/api/memo/get', '{"ns":"a\\nb","parts":1}'], 400, 'BAD_REQUEST'],
    ['a namespace of 101 letters', ['/api/memo/get', `{"ns":"${'n'.repeat(101)}","parts":1}`], 400, 'BAD_REQUEST'],
    ['a namespace called __proto__', ['/api/memo/put', '{"ns":"__proto__","parts":1,"value":1}'], 400, 'BAD_REQUEST'],
    ['a field called __proto__', ['/api/memo/get', '{"ns":"n","parts":1,"__proto__":{"as":"path"}}'], 400, 'BAD_REQUEST'],
    ['10,000 tags', put(`"tags":${list('"t"', 10_000)}`), 400, 'BAD_REQUEST'],
    ['an endless tag', put(`"tags":["${'t'.repeat(201)}"]`), 400, 'BAD_REQUEST'],
    ['101 deps', put(`"deps":${list('"file:/a"', 101)}`), 400, 'BAD_REQUEST'],
    ['a dep with a path of its own', put('"deps":["file:a"]'), 400, 'BAD_REQUEST'],
    ['a time that is none', put('"ttl":{"h":1}'), 400, 'BAD_REQUEST'],
    ['a time below zero', put('"stale":-1'), 400, 'BAD_REQUEST'],
    ['a cost that is no number', put('"costMs":"much"'), 400, 'BAD_REQUEST'],
    ['an endless label', put(`"label":"${'l'.repeat(501)}"`), 400, 'BAD_REQUEST'],
    [
      'a content type with a line',
      ['/api/memo/put', `{"ns":"n","parts":1,"blob":"${keyOf(1)}","contentType":"a/b\\r\\nX: y"}`],
      400,
      'BAD_REQUEST',
    ],
    [
      'a value with a blob that is not here',
      ['/api/memo/put', `{"ns":"n","parts":1,"value":{"$blob":"${keyOf(1)}"}}`],
      404,
      'NOT_FOUND',
    ],
    ['no files', ['/api/memo/put', '{"ns":"n","parts":1,"files":[]}'], 400, 'BAD_REQUEST'],
    [
      'a file that is not here',
      ['/api/memo/put', `{"ns":"n","parts":1,"files":[{"name":"a","sha256":"${keyOf(1)}"}]}`],
      404,
      'NOT_FOUND',
    ],
    ['a lease that never was', put('"lease":"x"'), 409, 'LEASE_LOST'],
    ['renewing what never was', ['/api/memo/renew', '{"lease":"x"}'], 409, 'LEASE_LOST'],
    ['a wait below zero', ['/api/memo/take', '{"ns":"n","parts":1,"waitMs":-1}'], 400, 'BAD_REQUEST'],
    ['a wait of a year', ['/api/memo/take', '{"ns":"n","parts":1,"waitMs":31536000000}'], 400, 'BAD_REQUEST'],
    ['a lease of no time', ['/api/memo/take', '{"ns":"n","parts":1,"leaseMs":0}'], 400, 'BAD_REQUEST'],
    ['clearing nothing', ['/api/cache/clear', '{"plane":"memo"}'], 400, 'BAD_REQUEST'],
    ['clearing what is not all', ['/api/cache/clear', '{"plane":"memo","all":false}'], 400, 'BAD_REQUEST'],
    ['another plane', ['/api/cache/clear', '{"plane":"other","all":true}'], 400, 'BAD_REQUEST'],
    ['a limit of nothing', ['/api/cache/config', '{"plane":"memo","max_memory_mb":0}'], 400, 'BAD_REQUEST'],
    ['half a result as limit', ['/api/cache/config', '{"plane":"memo","max_items":1.5}'], 400, 'BAD_REQUEST'],
    ['nothing to warm', ['/api/cache/warm', '{"plane":"memo","items":[]}'], 400, 'BAD_REQUEST'],
    [
      'an address of a file',
      ['/api/cache/warm', '{"plane":"memo","items":[{"ns":"n","url":"file:///etc/passwd"}]}'],
      400,
      'BAD_REQUEST',
    ],
    [
      'an address and a value',
      ['/api/cache/warm', '{"plane":"memo","items":[{"ns":"n","url":"http://a","value":1}]}'],
      400,
      'BAD_REQUEST',
    ],
    ['a prompt to warm', ['/api/cache/warm', '{"plane":"memo","items":[{"ns":"n","prompt":{}}]}'], 400, 'BAD_REQUEST'],
    ['a preset to warm', ['/api/cache/warm', '{"plane":"memo","items":[{"ns":"n","preset":"x"}]}'], 400, 'BAD_REQUEST'],
    [
      'one of two that cannot be warmed',
      ['/api/cache/warm', '{"plane":"memo","items":[{"ns":"n","parts":1,"value":1},7]}'],
      400,
      'BAD_REQUEST',
    ],
    ['what cannot be warmed', ['/api/cache/warm', '{"plane":"memo","items":[7]}'], 400, 'BAD_REQUEST'],
  ])('%s', async (_what, [url, body], status, code) => {
    const { raw, kept, get } = await createSender();
    const answer = await raw(url, body);
    expect(answer).toMatchObject({ status, body: { error: { code, message: expect.stringMatching(/^\S.{3,}/) } } });
    expect(await kept()).toMatchObject({ state: 'hit', value: 'kept' });
    expect((await get('/api/cache/stats?plane=memo')).body).toMatchObject({ current_items: 1, computing: 0 });
  });

  test('a value over the limit is refused, and its key can be stored', async () => {
    const { raw } = await createSender();
    const much = await raw('/api/memo/put', `{"ns":"n","parts":1,"value":"${'x'.repeat(2 ** 20)}"}`);
    expect(much.body).toMatchObject({ stored: false, reason: 'TOO_LARGE' });
    expect((await raw('/api/memo/put', `{"ns":"n","parts":1,"value":"${'x'.repeat(2 ** 24)}"}`)).status).toBe(413);
    expect((await raw('/api/memo/put', '{"ns":"n","parts":1,"value":1}')).body).toMatchObject({ stored: true });
  });

  test('a blob over the limit, of another hash, or under a name that is no hash leaves nothing', async () => {
    const { raw, get, settings } = await createSender();
    settings.change({ memo_max_value: '8B' });
    const bytes = { 'content-type': 'application/octet-stream' };
    const name = createHash('sha256').update('nine char').digest('hex');
    const blob = (sha256: string, payload: string) => raw(`/api/memo/blobs/${sha256}`, payload, 'PUT', bytes);
    expect(await blob(name, 'nine char')).toMatchObject({ status: 413, body: { error: { code: 'BODY_TOO_LARGE' } } });
    expect(await blob(name, 'other')).toMatchObject({ status: 422, body: { error: { code: 'HASH_MISMATCH' } } });
    expect(await blob('..%2f..%2fetc', 'other')).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } });
    expect((await raw('/api/memo/blobs/missing', `{"sha256":["${name}"]}`)).body).toEqual({ missing: [name] });
    expect((await get('/api/cache/stats?plane=memo')).body).toMatchObject({ blobs: 0 });
  });

  test('a namespace that cannot be: its settings are refused', async () => {
    const { raw, get } = await createSender();
    for (const name of ['__proto__', 'a%2Fb', '%00', 'n'.repeat(101)])
      expect((await raw(`/api/memo/namespaces/${name}`, '{"ttl":"1h"}', 'PUT')).status).toBe(400);
    const { namespaces } = (await get('/api/memo/namespaces')).body as { namespaces: unknown[] };
    expect(namespaces).toMatchObject([{ name: 'kept' }]);
  });

  test('a result with a lost lease is stored when there is none, and else compared', async () => {
    const { raw } = await createSender();
    const taken = async () => (await raw('/api/memo/take', '{"ns":"n","parts":2}')).body as { lease: string };
    const { lease } = await taken();
    await raw('/api/memo/release', `{"lease":"${lease}"}`);
    const late = async (value: string) =>
      (await raw('/api/memo/put', `{"ns":"n","parts":2,"value":${value},"lease":"${lease}"}`)).body;
    expect(await late('1')).toMatchObject({ stored: true });
    expect(await late('1.0')).toMatchObject({ stored: true });
    expect(await late('2')).toMatchObject({ stored: false, reason: 'DISAGREES' });
    expect((await raw('/api/memo/get', '{"ns":"n","parts":2}')).body).toMatchObject({ state: 'hit', value: 1 });
  });

  test('fields called __proto__ and constructor are data', async () => {
    const { app, token, raw } = await createSender();
    const value = '{"__proto__":{"admin":true},"constructor":{"prototype":1.0}}';
    expect((await raw('/api/memo/put', `{"ns":"n","parts":${value},"value":${value}}`)).body).toMatchObject({ stored: true });
    const warm = await raw('/api/cache/warm', `{"plane":"memo","items":[{"ns":"n","parts":7,"value":${value}}]}`);
    expect(warm.body).toMatchObject({ items: [{ state: 'stored' }] });
    const headers = { host: '127.0.0.1:8189', authorization: `Bearer ${token}`, ...json };
    const payload = `{"ns":"n","parts":${value}}`;
    const found = await app.inject({ method: 'POST', url: '/api/memo/get', headers, payload });
    expect(found.body).toContain(`"value":${value}`);
    expect((await raw('/api/memo/get', '{"ns":"n","parts":{"constructor":{"prototype":1.0}}}')).body).toMatchObject({
      state: 'miss',
    });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
