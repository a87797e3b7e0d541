import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LookupAnswer } from '../../../src/api/api.ts';
import type { ExplainAnswer } from '../../../src/api/explain.ts';
import { leaseMs } from '../../../src/usage/leases.ts';
import { fingerprintOf } from '../../helpers/files.ts';
import { createClient } from '../../helpers/services.ts';

const client = { app: 'comfyui', pid: 4711, prompt: 'p', node: '5' };

describe('POST /api/lookup', () => {
  test('answers with the source, then with the copy', async () => {
    const { post, source, copier, placeOf } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    const { size, mtimeNs } = fingerprintOf(path);
    const ask = { path, size, mtimeNs, category: 'loras', name: 'a.safetensors', purpose: 'load', waitMs: 0, client };
    const first = await post('/api/lookup', ask);
    expect(first).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('application/json') } });
    expect(first.body).toEqual({
      path,
      tier: 'hdd',
      reason: 'QUEUED',
      leaseMs: 0,
      entry: null,
      job: {
        id: 1,
        state: 'queued',
        status: 'queued',
        word: 'queued',
        why: 'waits for its turn',
        priority: 'background',
        path,
        category: 'loras',
        tier: 'ssd',
        kind: 'copy',
        bytesDone: 0,
        bytesTotal: 1000,
        bytesPerSecond: 0,
        etaMs: null,
        error: null,
      },
    } satisfies LookupAnswer);
    await copier.activeJob(path)?.ended;
    const { body } = await post('/api/lookup', ask);
    expect(body).toEqual({
      path: placeOf(path),
      tier: 'ssd',
      reason: 'HIT',
      leaseMs,
      entry: 1,
      job: null,
    } satisfies LookupAnswer);
  });

  test('needs no more than a path, or a category and a name', async () => {
    const { post, source } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    expect((await post('/api/lookup', { path, waitMs: 20_000 })).body).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
    expect((await post('/api/lookup', { category: 'loras', name: 'a.safetensors' })).body).toMatchObject({ reason: 'HIT' });
  });

  test('takes fields of a newer resolver and leaves them aside', async () => {
    const { post } = createClient();
    expect((await post('/api/lookup', { path: '/elsewhere', tomorrow: true, client: { ...client, gpu: 1 } })).status).toBe(200);
  });
});

describe('GET /api/cache/explain', () => {
  test('tells the whole story of one file', async () => {
    const { get, post, copy, source, placeOf, root } = createClient();
    const { path } = source('loras/a.safetensors', 1000);
    await copy(path);
    await post('/api/lookup', { path, client });
    await post('/api/lookup', { path, purpose: 'scan' });
    const { status, body } = await get(`/api/cache/explain?path=${encodeURIComponent(path)}`);
    const story = body as ExplainAnswer;
    expect(status).toBe(200);
    expect(story).toMatchObject({
      path,
      entry: { path, root, name: join('loras', 'a.safetensors'), leased: true, copies: [{ tier: 'ssd', state: 'ready' }] },
      root: { path: root, kind: 'hdd', health: 'ok' },
      leases: [{ client: 'comfyui:4711' }],
      score: expect.any(Number),
      now: { reason: 'HIT', path: placeOf(path) },
    });
    expect(story.decisions).toEqual([
      { at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), reason: 'BYPASS_SCAN', purpose: 'scan', app: null },
      { at: expect.any(String), reason: 'HIT', purpose: 'load', app: 'comfyui' },
    ]);
  });

  test('is one story, whichever alias or name the file was asked for by', async () => {
    const { get, post, copy, source, sources } = createClient();
    const { path } = source('text_encoders/t5.safetensors', 1000);
    await copy(path);
    sources.aliases.set('/link/t5.safetensors', path);
    await post('/api/lookup', { path: '/link/t5.safetensors' });
    await post('/api/lookup', { category: 'clip', name: 't5.safetensors' });
    for (const asked of [path, '/link/t5.safetensors']) {
      const { body } = await get(`/api/cache/explain?path=${encodeURIComponent(asked)}`);
      expect((body as ExplainAnswer).decisions.map(({ reason }) => reason)).toEqual(['HIT', 'HIT']);
    }
  });

  test('of a file that was never asked for says what a lookup would be answered, and asks for no copy', async () => {
    const { get, source, copier } = createClient();
    const { path } = source('loras/a & b.safetensors', 1000);
    expect((await get(`/api/cache/explain?path=${encodeURIComponent(path)}`)).body).toEqual({
      path,
      entry: null,
      sha256: null,
      published: null,
      root: expect.anything(),
      leases: [],
      decisions: [],
      score: null,
      now: { reason: 'QUEUED', path, word: 'not copied yet', why: 'the next load starts a copy' },
      meant: null,
    } satisfies ExplainAnswer);
    expect(copier.jobs()).toEqual([]);
  });

  test('of a path outside all roots says so', async () => {
    const { get } = createClient();
    expect((await get('/api/cache/explain?path=/etc/passwd')).body).toMatchObject({
      root: null,
      now: { reason: 'BYPASS_UNKNOWN_ROOT', path: '/etc/passwd' },
    });
  });
});
