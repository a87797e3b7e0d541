import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ConfigValue, RemovalAnswer } from '../../../src/api/api.ts';
import type { StatsAnswer } from '../../../src/api/stats.ts';
import { createClient } from '../../helpers/services.ts';

describe('GET /api/cache/stats', () => {
  test('of a cache that nobody has used yet divides nothing by nothing', async () => {
    const { get, tier, root } = createClient();
    const { body } = await get('/api/cache/stats');
    const none = { p50: 0, p95: 0, p99: 0 };
    expect(body).toEqual({
      version: '1.2.3',
      pid: process.pid,
      command: 'autocached',
      mode: 'read-write',
      policy: expect.any(String),
      dir: tier.dir,
      uptimeMs: expect.any(Number),
      lookups: 0,
      hits: 0,
      misses: 0,
      hitRate: null,
      byteHitRate: null,
      hitBytes: 0,
      missBytes: 0,
      evictions: 0,
      bytesCopied: 0,
      secondsSaved: 0,
      mismatched: 0,
      latencyMs: { hit: none, miss: none },
      tiers: [
        {
          tier: 'ssd',
          state: 'here',
          files: 0,
          bytes: 0,
          represented: 0,
          ratio: null,
          reserved: 0,
          hits: 0,
          evictions: 0,
          rejected: 0,
          loads: 0,
          averageLoadMs: null,
          outside: 0,
          limit: 1e9,
          free: expect.any(Number),
          floor: 0,
          utilisation: 0,
        },
      ],
      roots: [expect.objectContaining({ path: root })],
      orphans: [],
      stuck: [],
      written: { files: 0, bytes: 0 },
      jobs: { running: 0, queued: 0 },
      warnings: [],
      accounting: null,
      memo: expect.objectContaining({ hits: 0, misses: 0, hit_rate: '0%', current_items: 0 }),
      daily: [],
    } satisfies StatsAnswer);
  });

  test('counts what lookups were like', async () => {
    const { get, post, source, copy, bound } = createClient();
    bound.limit = 4000;
    const { path } = source('loras/a.safetensors', 3000);
    await copy(path);
    for (let use = 0; use < 3; use += 1) await post('/api/lookup', { path });
    await post('/api/lookup', { path: source('loras/b.safetensors', 1000).path, waitMs: 0 });
    const { body } = await get('/api/cache/stats');
    const stats = body as StatsAnswer;
    expect(stats).toMatchObject({
      lookups: 4,
      hits: 3,
      misses: 1,
      hitRate: 0.75,
      byteHitRate: 0.9,
      hitBytes: 9000,
      missBytes: 1000,
    });
    expect(stats.bytesCopied).toBeGreaterThanOrEqual(3000);
    expect(stats.tiers[0]?.utilisation).toBeGreaterThanOrEqual(0.75);
    expect(stats.daily).toHaveLength(1);
    expect(stats.latencyMs.hit.p99).toBeGreaterThan(0);
  });

  test('of a cache whose limit is nothing has no utilisation of infinity', async () => {
    const { get, bound } = createClient();
    bound.limit = 0;
    expect((await get('/api/cache/stats')).body).toMatchObject({ tiers: [{ utilisation: 0 }] });
  });
});

describe('/api/cache/config', () => {
  const value = (body: unknown, key: string) =>
    (body as { settings: ConfigValue[] }).settings.find((setting) => setting.key === key);

  test('GET tells every value, where it came from, and what may change', async () => {
    const { get } = createClient();
    const { status, body } = await get('/api/cache/config');
    expect(status).toBe(200);
    expect(body).toMatchObject({ notices: [expect.stringContaining('ARENA')] });
    expect(value(body, 'AUTOCACHE_MODE')).toEqual({
      key: 'AUTOCACHE_MODE',
      value: 'read-write',
      from: 'default',
      meaning: expect.any(String),
      live: true,
    });
    expect(value(body, 'AUTOCACHE_DIR')?.live).toBe(false);
  });

  test('POST changes what may change, at once, and it is kept over a restart', async () => {
    const { post, source, copy, settings, catalog } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    await copy(path);
    const { body } = await post('/api/cache/config', { mode: 'off', limit: '10GiB' });
    expect(value(body, 'AUTOCACHE_MODE')).toMatchObject({ value: 'off', from: 'live' });
    expect(settings.current).toMatchObject({ mode: 'off', limit: { kind: 'bytes', bytes: 10 * 1024 ** 3 } });
    expect((await post('/api/lookup', { path })).body).toMatchObject({ path, reason: 'OFF' });
    expect(catalog.settings.get('AUTOCACHE_MODE', 'read-write')).toBe('off');
  });

  test.each([
    { mode: 'fast' },
    { limit: '' },
    { limit: 'much' },
    { policy: 'random' },
    { rate: '-5' },
    { dir: '/elsewhere' },
    { listen: '0.0.0.0:1' },
    { mode: 'off', limit: 'much' },
  ])('POST of %j changes nothing', async (change) => {
    const { post, get, settings } = createClient();
    const before = (await get('/api/cache/config')).body;
    expect(await post('/api/cache/config', change)).toMatchObject({
      status: 400,
      body: { error: { code: expect.stringMatching(/^BAD_/) } },
    });
    expect((await get('/api/cache/config')).body).toEqual(before);
    expect(settings.current.mode).toBe('read-write');
  });
});

describe('POST /api/cache/clear', () => {
  test('shows first, then frees, and leaves sources and what is in use', async () => {
    const { post, source, copy, placeOf, leases } = createClient();
    const paths = ['loras/a', 'vae/b', 'vae/c'].map((rel) => source(`${rel}.safetensors`, 1000).path);
    for (const path of paths) await copy(path);
    const [a = '', b = '', c = ''] = paths;
    leases.grant(placeOf(c), { app: 'comfyui', pid: 1 });
    const expected: RemovalAnswer = {
      dryRun: true,
      files: 1,
      of: 3,
      bytes: 1000,
      removed: [{ id: 2, path: b, bytes: 1000 }],
      skipped: [{ id: 3, path: c, bytes: 1000, why: 'leased' }],
    };
    expect((await post('/api/cache/clear', { category: 'vae', dryRun: true })).body).toEqual(expected);
    expect(existsSync(placeOf(b))).toBe(true);
    expect((await post('/api/cache/clear', { category: 'vae' })).body).toEqual({ ...expected, dryRun: false });
    expect([a, b, c].map(placeOf).map((path) => existsSync(path))).toEqual([true, false, true]);
    expect(paths.every((path) => existsSync(path))).toBe(true);
    expect((await post('/api/cache/clear', { all: true })).body).toMatchObject({ files: 1, removed: [{ path: a }] });
  });
});
