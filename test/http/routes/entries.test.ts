import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EntryView, RemovalAnswer, WarmAnswer } from '../../../src/api/api.ts';
import type { EntriesAnswer } from '../../../src/api/entries.ts';
import { createClient } from '../../helpers/services.ts';

/** A client over a cache with three copies. */
async function arrange() {
  const rig = createClient();
  const paths = ['loras/a.safetensors', 'loras/b.gguf', 'vae/c.safetensors'].map(
    (rel, index) => rig.source(rel, 1000 * (index + 1)).path,
  );
  for (const path of paths) await rig.copy(path);
  const [a = '', b = '', c = ''] = paths;
  return { ...rig, a, b, c };
}

describe('GET /api/cache/entries', () => {
  const names = (body: unknown) => (body as EntriesAnswer).entries.map(({ name }) => name.split(/[\\/]/)[1]?.[0]).join('');

  test('tells all that is known of each', async () => {
    const { get, post, a, root, placeOf, catalog } = await arrange();
    await post('/api/lookup', { path: a, client: { app: 'comfyui', pid: 1 } });
    const { body } = await get('/api/cache/entries?glob=a.*');
    const hash = catalog.copies.byPath(placeOf(a))?.hash ?? '';
    expect(hash).toMatch(/^xxh128c8:[0-9a-f]{32}$/);
    expect(body).toEqual({
      total: 1,
      entries: [
        {
          id: 1,
          path: a,
          root,
          name: join('loras', 'a.safetensors'),
          category: 'loras',
          size: 1000,
          mtimeNs: expect.stringMatching(/^\d{19}$/),
          uses: 1,
          lastUsedAt: expect.stringMatching(/Z$/),
          pinned: false,
          leased: true,
          copies: [
            { tier: 'ssd', path: placeOf(a), state: 'ready', bytes: 1000, hash, createdAt: expect.stringMatching(/Z$/) },
          ],
          use: [{ tier: 'ssd', hits: 1, evictions: 0, rejected: 0, loads: 0, averageLoadMs: null }],
        },
      ],
    } satisfies EntriesAnswer);
  });

  test.each([
    ['?sort=name', 'abc', 3],
    ['?sort=size&descending=true', 'cba', 3],
    ['?category=loras&sort=name', 'ab', 2],
    ['?glob=*.safetensors&sort=name', 'ac', 2],
    ['?glob=*.safetensors&sort=name&offset=1', 'c', 2],
    ['?sort=name&limit=2', 'ab', 3],
    ['?sort=name&limit=2&offset=2', 'c', 3],
    ['?sort=name&offset=99', '', 3],
    ['?cached=false', '', 0],
    ['?tier=ssd&sort=name', 'abc', 3],
    ['?tier=ram', '', 0],
    ['?pinned=true', '', 0],
    ['?category=', null, 0],
  ])('%s', async (query, expected, total) => {
    const { get } = await arrange();
    const { status, body } = await get(`/api/cache/entries${query}`);
    if (expected === null) expect(status).toBe(400);
    else expect([names(body), (body as EntriesAnswer).total]).toEqual([expected, total]);
  });
});

describe('POST /api/cache/pin and unpin', () => {
  test('keep a copy and let it go, by id, path or name', async () => {
    const { get, post, a, catalog } = await arrange();
    const { body } = await post('/api/cache/pin', { ids: [2], paths: [a], names: ['vae/c.safetensors'] });
    const { entries } = body as { entries: EntryView[] };
    expect(entries.map(({ id, pinned }) => [id, pinned])).toEqual([
      [2, true],
      [1, true],
      [3, true],
    ]);
    expect((await post('/api/cache/clear', { all: true })).body).toMatchObject({
      files: 0,
      skipped: [{}, {}, { why: 'pinned' }],
    });
    expect((await post('/api/cache/unpin', { ids: [1] })).body).toMatchObject({ entries: [{ id: 1, pinned: false }] });
    expect(((await get('/api/cache/entries?pinned=true')).body as EntriesAnswer).total).toBe(2);
    expect(catalog.entries.byId(1)?.pinned).toBe(false);
  });

  test('pin a file before it was ever used', async () => {
    const { post, source, catalog } = createClient();
    const { path } = source('loras/new.safetensors', 1000);
    expect((await post('/api/cache/pin', { paths: [path] })).body).toMatchObject({
      entries: [{ path, pinned: true, copies: [] }],
    });
    expect(catalog.entries.byPath(path)?.pinned).toBe(true);
  });

  test('pin all or nothing', async () => {
    const { post, a, catalog } = await arrange();
    expect((await post('/api/cache/pin', { paths: [a], ids: [99] })).status).toBe(404);
    expect(catalog.entries.byPath(a)?.pinned).toBe(false);
  });
});

describe('POST /api/cache/evict', () => {
  test('takes copies out of one tier only', async () => {
    const { post, a, placeOf } = await arrange();
    expect((await post('/api/cache/evict', { paths: [a], tier: 'ram' })).body).toMatchObject({ files: 0, removed: [] });
    expect(existsSync(placeOf(a))).toBe(true);
    expect((await post('/api/cache/evict', { paths: [a], tier: 'ssd' })).body).toMatchObject({ files: 1 });
    expect(existsSync(placeOf(a))).toBe(false);
  });

  test('takes copies out, however often a file is named, and says so once', async () => {
    const { post, a, b, placeOf } = await arrange();
    const request = { ids: [1], paths: [a, b], names: ['loras/a.safetensors'] };
    const expected: RemovalAnswer = {
      dryRun: true,
      files: 2,
      of: 3,
      bytes: 3000,
      removed: [
        { id: 1, path: a, bytes: 1000 },
        { id: 2, path: b, bytes: 2000 },
      ],
      skipped: [],
    };
    expect((await post('/api/cache/evict', { ...request, dryRun: true })).body).toEqual(expected);
    expect(existsSync(placeOf(a))).toBe(true);
    expect((await post('/api/cache/evict', request)).body).toEqual({ ...expected, dryRun: false });
    expect([a, b].map((path) => existsSync(placeOf(path)))).toEqual([false, false]);
    expect(existsSync(a)).toBe(true);
  });

  test('of a file without a copy removes nothing, and that is no error', async () => {
    const { post, source } = createClient();
    const { path } = source('loras/new.safetensors', 1000);
    expect(await post('/api/cache/evict', { paths: [path] })).toMatchObject({
      status: 200,
      body: { files: 0, removed: [], skipped: [] },
    });
  });
});

describe('POST /api/cache/warm', () => {
  test('has copies made and waits for them, byte-exact', async () => {
    const { post, source, placeOf } = createClient();
    const { path } = source('loras/a.safetensors', 1234);
    const { body } = await post('/api/cache/warm', { paths: [path], names: ['loras/none.safetensors'], wait: true });
    expect(body).toEqual({
      ready: 1,
      missing: 1,
      items: [
        {
          item: path,
          path,
          reason: 'HIT',
          word: 'ready',
          why: 'a verified copy is on the SSD',
          ready: true,
          pinned: false,
          size: 1234,
          tier: 'ssd',
          job: expect.objectContaining({ state: 'done' }),
          message: null,
        },
        expect.objectContaining({
          item: 'loras/none.safetensors',
          reason: 'SOURCE_MISSING',
          ready: false,
          size: null,
          job: null,
        }),
      ],
    } satisfies WarmAnswer);
    expect(existsSync(placeOf(path))).toBe(true);
  });

  test('with check only looks', async () => {
    const { post, source, copier } = createClient();
    const { path } = source('loras/a.safetensors', 1234);
    expect((await post('/api/cache/warm', { paths: [path], check: true })).body).toMatchObject({
      ready: 0,
      items: [{ job: null }],
    });
    expect(copier.jobs()).toEqual([]);
  });

  test('of many misspelt names the first ones are told what was meant', async () => {
    const { post, source, copy } = createClient();
    for (let index = 0; index < 8; index += 1) await copy(source(`loras/style-${index}.safetensors`, 1000).path);
    const names = Array.from({ length: 8 }, (_, index) => `loras/stile-${index}.safetensors`);
    const { items } = (await post('/api/cache/warm', { names, check: true })).body as WarmAnswer;
    const told = items.map(({ message }) => /did you mean (.*)\?/.exec(message ?? '')?.[1] ?? null);
    expect(told).toEqual([...names.slice(0, 5).map((name) => name.replace('stile', 'style')), null, null, null]);
  });

  test.each([
    [{ names: ['loras/a.safetensors'], hosts: 'all' }, /in no farm/],
    [{ names: ['loras/a.safetensors'], hosts: 0 }, /hosts/],
    [{ names: ['loras/a.safetensors'], hosts: 'some' }, /hosts/],
  ])('with other hosts where there are none is refused: %j', async (body, words) => {
    const { post, source, copier } = createClient();
    source('loras/a.safetensors', 1234);
    const answer = await post('/api/cache/warm', body);
    expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringMatching(words) } } });
    expect(copier.jobs()).toEqual([]);
  });

  test('of nothing is done at once', async () => {
    const { post } = createClient();
    expect((await post('/api/cache/warm', {})).body).toEqual({ items: [], ready: 0, missing: 0 });
  });
});
