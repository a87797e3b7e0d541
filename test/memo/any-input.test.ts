import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClient } from '../helpers/services.ts';
import { slowTests } from '../helpers/slow.ts';
import { keyOf } from './memo-rig.ts';

const json = { 'content-type': 'application/json' };
const key = keyOf(1);

/** Sound bodies, by their routes. */
const bodies: Record<string, object> = {
  'POST /api/memo/get': { ns: 'n', parts: { a: [1, 'x'] }, as: 'value' },
  'POST /api/memo/take': { ns: 'n', parts: 7, waitMs: 0, leaseMs: 5000 },
  'POST /api/memo/put': {
    ...{ ns: 'n', parts: [1], value: { a: 1 }, ttl: '1h', stale: 5, tags: ['t'], deps: ['file:/nowhere/a'] },
    ...{ costMs: 3, label: 'l', negative: false, text: 'a text' },
  },
  'POST /api/memo/renew': { lease: 'x' },
  'POST /api/memo/release': { lease: 'x', error: 'e', all: true },
  'POST /api/memo/stage': { size: 10 },
  'POST /api/memo/blobs': { staged: 'x', sha256: key },
  'POST /api/memo/blobs/missing': { sha256: [key] },
  'POST /api/memo/similar': { ns: 'n', text: 'a', parts: 1, limit: 3 },
  'POST /api/memo/invalidate': {
    ns: 'n',
    keys: [key],
    tags: ['t'],
    deps: ['file:/a'],
    olderThanMs: 5,
    largerThan: 9,
    dryRun: true,
  },
  'PUT /api/memo/namespaces/n': { version: '1', ttl: '1h', stale: null, negativeTtl: '9s', maxItems: 5, maxBytes: '1MiB' },
  'POST /api/memo/comfyui': { keys: [key], others: [null], classes: [{ name: 'a', code: 'b' }] },
  'POST /api/memo/comfyui/likely': { structures: [key] },
  'POST /api/memo/comfyui/contents': { files: [{ path: '/a', size: 1, mtimeNs: '5', ctimeNs: null }] },
  'POST /api/memo/comfyui/seen': { key, class: 'c', code: 'd', session: 's', result: key, given: null },
  'POST /api/cache/config': { plane: 'memo', max_items: 5000, max_memory_mb: 50, ttl: '1h', stale: '0s' },
  'POST /api/cache/warm': { plane: 'memo', items: [{ ns: 'n', parts: 1, value: 1 }] },
};

/** No number that a wait could take: those that wait would do so for ever, for the clock of the rig stands still. */
const odd = fc.constantFrom<unknown>(
  ...[null, true, 0, -1, 1.5, 2 ** 53, 1e308, -0, '', ' ', 'x', 'none', '-1h', '1e999s', '9'.repeat(400), 'a'.repeat(300)],
  ...['\0', '\ud800', '💥\u202e', '../../etc/passwd', 'file:', 'file:/dev/zero', '{"$blob":1}', key.toUpperCase()],
  ...[[], {}, [[]], [null], [key, key], { $blob: key }, { $blob: 7 }, { $sha256: 'x' }, { length: 1e9 }, { toString: 1 }],
);

/** A body with something else in one place, or damaged as a text. */
const mutated = (body: object): fc.Arbitrary<string> => {
  const names = fc.constantFrom(...Object.keys(body));
  const text = JSON.stringify(body);
  const at = fc.nat(text.length);
  return fc.oneof(
    fc.tuple(names, odd).map(([name, value]) => JSON.stringify({ ...body, [name]: value })),
    names.filter((name) => name !== 'waitMs').map((name) => JSON.stringify({ ...body, [name]: undefined })),
    fc.tuple(names, odd).map(([name, value]) => `${text.slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value)}}`),
    fc
      .tuple(at, fc.string({ unit: 'binary', maxLength: 3 }))
      .map(([place, more]) => text.slice(0, place) + more + text.slice(place + 1)),
    at.map((place) => text.slice(0, place)),
    odd.map((value) => JSON.stringify(value)),
  );
};

const request = fc
  .constantFrom(...Object.keys(bodies))
  .chain((route) => mutated(bodies[route] ?? {}).map((payload) => [route, payload] as const));

test('whatever stands in a request, the answer is a result or one error in words, and what is kept stays', async () => {
  const { send, post } = createClient();
  await post('/api/memo/put', { ns: 'kept', parts: 1, value: 'kept' });
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(request, async ([route, payload]) => {
      const [method, url] = route.split(' ') as ['POST' | 'PUT', string];
      const { status, body } = await send({ method, url, payload, headers: json });
      seen.add(status);
      expect(status).toBeLessThan(500);
      if (status >= 400)
        expect(body).toMatchObject({
          error: { code: expect.stringMatching(/^[A-Z_]+$/), message: expect.stringMatching(/\S{2}/) },
        });
    }),
    { numRuns: slowTests ? 3000 : 600 },
  );
  // Some were sound.
  expect([...seen]).toEqual(expect.arrayContaining([200, 400, 404]));
  expect((await post('/api/memo/get', { ns: 'kept', parts: 1 })).body).toMatchObject({ state: 'hit', value: 'kept' });
});
