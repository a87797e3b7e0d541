import { describe, expect, test, vi } from 'vitest';
import type { JobView, LeaseAnswer } from '../../../src/api/api.ts';
import type { StatsAnswer } from '../../../src/api/stats.ts';
import { CacheError } from '../../../src/core/errors.ts';
import { fingerprintOf } from '../../helpers/files.ts';
import { soon } from '../../helpers/patience.ts';
import { createClient } from '../../helpers/services.ts';

describe('/api/jobs', () => {
  test('lists what runs, what waits and what has ended, and cancels', async () => {
    const { get, send, source, request } = createClient({ jobs: 1 });
    const ended = request(source('loras/a.safetensors', 1000).path);
    await ended.ended;
    const job = request(source('loras/b.safetensors', 1000).path);
    const { body } = await get('/api/jobs');
    expect((body as { jobs: JobView[] }).jobs).toMatchObject([
      { id: 2, state: expect.stringMatching(/queued|running/) },
      { id: 1, state: 'done', bytesDone: 1000, bytesTotal: 1000, error: null },
    ]);
    expect((await get('/api/jobs?limit=1')).body).toMatchObject({ jobs: [{ id: 2 }], paused: false });
    expect((await get('/api/jobs?limit=0')).status).toBe(400);
    await job.ended;
    expect(await send({ method: 'DELETE', url: '/api/jobs/2' })).toMatchObject({
      status: 404,
      body: { error: { code: 'NOT_FOUND' } },
    });
    const third = request(source('loras/c.safetensors', 1000).path);
    const cancelled = await send({ method: 'DELETE', url: '/api/jobs/3' });
    expect(cancelled).toMatchObject({ status: 200, body: { job: { id: 3 } } });
    await third.ended;
    expect(third.state).toBe('cancelled');
  });
});

describe('/api/leases', () => {
  test('renews and ends what a client holds, and tells what it holds then', async () => {
    const { post, source, copy, placeOf, leases } = createClient();
    const paths = ['a', 'b'].map((name) => source(`loras/${name}.safetensors`, 1000).path);
    const client = { app: 'comfyui', pid: 1 };
    for (const path of paths) {
      await copy(path);
      await post('/api/lookup', { path, client });
    }
    const [a = '', b = ''] = paths.map(placeOf);
    const told = async (payload: object) => ((await post('/api/leases', { client, ...payload })).body as LeaseAnswer).leases;
    expect(await told({ renew: true })).toEqual([
      { path: a, expiresInMs: expect.any(Number) },
      { path: b, expiresInMs: expect.any(Number) },
    ]);
    expect((await told({ end: [a] })).map(({ path }) => path)).toEqual([b]);
    expect(await told({ client: { app: 'comfyui', pid: 2 } })).toEqual([]);
    expect(await told({ end: true })).toEqual([]);
    expect(leases.isLeased(b)).toBe(false);
  });

  test('learns how long loads took, by tier', async () => {
    const { post, get, source, copy, placeOf } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    await copy(path);
    const loaded = [300, 500].map((ms) => ({ path: placeOf(path), ms }));
    const unknown = { path: '/cache/no/copy', ms: 9 };
    expect((await post('/api/leases', { client: { app: 'comfyui', pid: 1 }, loaded: [...loaded, unknown] })).status).toBe(200);
    const { body } = await get('/api/cache/stats');
    await get('/api/cache/entries');
    expect((body as StatsAnswer).tiers).toMatchObject([{ tier: 'ssd', loads: 2, averageLoadMs: 400 }]);
  });

  test.each([
    {},
    { client: {} },
    { client: { app: 'x' }, renew: false },
    { client: { app: 'x' }, end: ['relative'] },
    { client: { app: 'x' }, loaded: [{ path: '/a', ms: -1 }] },
  ])('refuses %j', async (payload) => {
    const { post } = createClient();
    expect((await post('/api/leases', payload)).status).toBe(400);
  });
});

describe('/api/roots', () => {
  test('lists, and registers what the resolver finds', async () => {
    const { get, post, services, root } = createClient();
    const view = { roots: [expect.objectContaining({ path: root })] };
    expect((await get('/api/roots')).body).toEqual(view);
    const body = { origin: 'comfyui', roots: [{ path: '/nas/loras', category: 'loras', kind: 'nas' }] };
    expect((await post('/api/roots', body)).body).toEqual(view);
    expect(services.roots.register).toHaveBeenCalledWith(body);
    await post('/api/roots', { roots: [{ path: '/nas/vae' }] });
    expect(services.roots.register).toHaveBeenLastCalledWith({ origin: 'api', roots: [{ path: '/nas/vae' }] });
  });

  test.each([
    { roots: 'x' },
    { roots: [{}] },
    { roots: [{ path: 'relative' }] },
    { roots: [{ path: '/a', kind: 'tape' }] },
    { origin: 'config', roots: [] },
  ])('refuses %j', async (payload) => {
    const { post, services } = createClient();
    expect((await post('/api/roots', payload)).status).toBe(400);
    expect(services.roots.register).not.toHaveBeenCalled();
  });

  test('tells why a root cannot be one', async () => {
    const { post, services } = createClient();
    vi.mocked(services.roots.register).mockRejectedValue(
      new CacheError('BAD_REQUEST', 'the cache directory lies inside', { hint: 'move it' }),
    );
    expect(await post('/api/roots', { roots: [{ path: '/a' }] })).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', message: 'the cache directory lies inside', hint: 'move it' } },
    });
  });
});

describe('/api/stuck', () => {
  test('tells a program which of its open sources have copies, and whether to let go of them', async () => {
    const { get, post, source, copy } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    const { size, mtimeNs } = fingerprintOf(path);
    const body = { client: { app: 'comfyui', pid: 1 }, sources: [{ path, size, mtimeNs }] };
    expect((await post('/api/stuck', body)).body).toEqual({ stuck: [], free: 'auto' });
    await copy(path);
    expect((await post('/api/stuck', body)).body).toEqual({ stuck: [path], free: 'auto' });
    expect((await get('/api/cache/stats')).body).toMatchObject({ stuck: [{ path, size, app: 'comfyui', pid: 1 }] });
  });

  test.each([{}, { client: { app: 'x' } }, { client: { app: 'x' }, sources: [{ path: 'relative', size: 1, mtimeNs: '1' }] }])(
    'refuses %j',
    async (payload) => {
      const { post } = createClient();
      expect((await post('/api/stuck', payload)).status).toBe(400);
    },
  );
});

test('POST /api/shutdown answers first, then stops', async () => {
  const { post, stop } = createClient();
  expect(await post('/api/shutdown')).toMatchObject({ status: 200, body: { stopping: true } });
  expect(stop).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(stop).toHaveBeenCalledTimes(1), soon());
});
