import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { MemoStats } from '../../src/api/memo.ts';
import { createClient } from '../helpers/services.ts';

const [first = '', second = '', third = ''] = ['a', 'b', 'c'].map((letter) => letter.repeat(64));

describe('POST /api/memo/comfyui', () => {
  test('one question has the mode and what is known of each key, in their order', async () => {
    const { post } = createClient();
    await post('/api/memo/put', { ns: 'comfyui', key: second, value: { value: [1] } });
    const { status, body } = await post('/api/memo/comfyui', { keys: [first, second] });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      mode: 'text',
      code: 'strict',
      results: [
        { key: first, state: 'miss' },
        { key: second, state: 'hit', value: { value: [1] } },
      ],
    });
  });

  test('turned off it has no results, at once', async () => {
    const { post } = createClient();
    await post('/api/memo/put', { ns: 'comfyui', key: first, value: 1 });
    await post('/api/cache/config', { memo_comfyui: 'off' });
    expect((await post('/api/memo/comfyui', { keys: [first] })).body).toEqual({
      mode: 'off',
      code: 'strict',
      classes: [],
      results: [],
    });
    await post('/api/cache/config', { memo_comfyui: 'results', memo_code: 'version' });
    expect((await post('/api/memo/comfyui', { keys: [first] })).body).toMatchObject({ mode: 'results', code: 'version' });
    await post('/api/cache/config', { memo: 'off' });
    expect((await post('/api/memo/comfyui', {})).body).toMatchObject({ mode: 'off' });
  });

  test('a class is repeatable once runs of ComfyUI have agreed twice, and never again after one has disagreed', async () => {
    const { post } = createClient();
    const see = async (session: string, key: string, result: string) => {
      const body = { key, class: 'Custom', code: 'c1', session, result };
      return ((await post('/api/memo/comfyui/seen', body)).body as { known: string }).known;
    };
    const known = async (code: string) => {
      const { body } = await post('/api/memo/comfyui', { classes: [{ name: 'Custom', code }] });
      return (body as { classes: string[] }).classes[0];
    };
    expect(await see('run 1', first, first)).toBe('unknown');
    // Within a run it may be the same computation.
    for (const _ of [1, 2, 3]) expect(await see('run 1', first, first)).toBe('unknown');
    expect(await see('run 2', first, first)).toBe('unknown');
    expect(await see('run 3', first, first)).toBe('repeatable');
    expect(await known('c1')).toBe('repeatable');
    expect(await known('c2')).toBe('unknown');
    await post('/api/memo/put', { ns: 'comfyui', key: second, value: 1, tags: ['class:Custom'] });
    expect(await see('run 4', first, second)).toBe('unrepeatable');
    expect((await post('/api/memo/comfyui', { keys: [second] })).body).toMatchObject({ results: [{ state: 'miss' }] });
    for (const session of ['run 5', 'run 6', 'run 7']) expect(await see(session, first, second)).toBe('unrepeatable');
    expect(await known('c1')).toBe('unrepeatable');
  });

  test('an output that is computed again is compared with what was given, and another one ends its class, which is told once', async () => {
    const { post, get, services } = createClient();
    const told: unknown[] = [];
    services.events.subscribe((name, event) => void (name === 'memo-unrepeatable' && told.push(event)));
    for (const [key, tag] of [
      [first, 'class:KSampler'],
      [second, 'class:Other'],
    ] as const)
      await post('/api/memo/put', { ns: 'comfyui', key, value: { value: 1 }, tags: [tag] });
    const again = async (result: string) => {
      // In the run that has stored it, too.
      const output = { key: first, class: 'KSampler', code: 'c1', session: 'run 1', result, given: first };
      return (await post('/api/memo/comfyui/seen', output)).body;
    };
    const status = async () => (await get('/api/cache/stats?plane=memo')).body as MemoStats;
    expect(await again(first)).toEqual({ known: 'unknown' });
    expect(await again(first)).toEqual({ known: 'repeatable' });
    expect((await status()).comparisons).toEqual({ agreed: 2, disagreed: 0, unrepeatable: [] });
    expect(await again(second)).toEqual({ known: 'unrepeatable' });
    const { comparisons, disagreements } = await status();
    expect(comparisons).toMatchObject({ agreed: 2, disagreed: 1, unrepeatable: [{ class: 'KSampler' }] });
    expect(Date.now() - (comparisons.unrepeatable[0]?.at ?? 0)).toBeLessThan(24 * 3600_000);
    expect(disagreements).toBe(1);
    expect((await post('/api/memo/comfyui', { keys: [first, second] })).body).toMatchObject({
      results: [{ state: 'miss' }, { state: 'hit' }],
    });
    await again(second);
    expect(told).toEqual([{ class: 'KSampler', removed: 1 }]);
    // Of other code nothing is known.
    await post('/api/memo/comfyui', { classes: [{ name: 'KSampler', code: 'c2' }] });
    expect((await status()).comparisons.unrepeatable).toEqual([]);
  });

  test('ComfyUI is told how many outputs to compute again, also while it runs', async () => {
    const { post } = createClient();
    expect((await post('/api/memo/comfyui', {})).body).toMatchObject({ audit: 200 });
    await post('/api/cache/config', { memo_audit: '0' });
    expect((await post('/api/memo/comfyui', {})).body).toMatchObject({ audit: 0 });
  });

  test('what is not found by a key is looked for by another one, and counts once', async () => {
    const { post, get } = createClient();
    await post('/api/memo/put', { ns: 'comfyui', key: second, value: 2 });
    const ask = async (keys: string[], others: (string | null)[]) =>
      (await post('/api/memo/comfyui', { keys, others })).body as { others: boolean[]; results: object[] };
    expect(await ask([first], [second])).toMatchObject({ others: [true], results: [{ key: second, value: 2 }] });
    await post('/api/memo/put', { ns: 'comfyui', key: first, value: 1 });
    expect(await ask([first], [second])).toMatchObject({ others: [true], results: [{ key: first, value: 1 }] });
    expect(await ask([first], [third])).toMatchObject({ others: [false], results: [{ key: first }] });
    expect(await ask([third], [null])).toMatchObject({ others: [false], results: [{ key: third, state: 'miss' }] });
    expect((await get('/api/cache/stats')).body).toMatchObject({ memo: { hits: 3, misses: 1 } });
  });

  test('the content of a model is told that was read and is as it was then', async () => {
    const rig = createClient();
    const { path, bytes } = rig.source('checkpoints/a.safetensors', 2 ** 20);
    await rig.copy(path);
    const { size, mtimeNs } = statSync(path, { bigint: true });
    const ask = async (change: object = {}) => {
      const { body } = await rig.post('/api/memo/comfyui/contents', {
        files: [{ path, size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: null, ...change }],
      });
      return (body as { sha256: (string | null)[] }).sha256;
    };
    expect(await ask()).toEqual([createHash('sha256').update(bytes).digest('hex')]);
    for (const change of [{ size: Number(size) + 1 }, { mtimeNs: '1' }, { ctimeNs: '1' }, { path: `${path}.other` }])
      expect(await ask(change)).toEqual([null]);
  });

  test('what will probably be given is told by structure, the newest of each, and counts as no use', async () => {
    const { post, get } = createClient();
    const tags = [`structure:${first}`];
    expect((await post('/api/memo/comfyui/likely', { structures: [first] })).body).toEqual({ results: [] });
    await post('/api/memo/put', { ns: 'comfyui', key: first, value: { n: 1 }, tags });
    await post('/api/memo/put', { ns: 'comfyui', key: second, value: { n: 2 }, tags });
    await post('/api/memo/put', { ns: 'other', key: second, value: { n: 3 }, tags });
    const likely = async () => (await post('/api/memo/comfyui/likely', { structures: [second, first] })).body;
    expect(await likely()).toEqual({ results: [{ structure: first, value: { n: 2 } }] });
    expect((await get('/api/cache/stats')).body).toMatchObject({ memo: { hits: 0, misses: 0 } });
    expect((await get(`/api/memo/explain?ns=comfyui&key=${second}`)).body).toMatchObject({ entry: { hits: 0 } });
    await post('/api/memo/invalidate', { ns: 'comfyui', keys: [second] });
    expect(await likely()).toEqual({ results: [{ structure: first, value: { n: 1 } }] });
    await post('/api/cache/config', { memo_comfyui: 'off' });
    expect(await likely()).toEqual({ results: [] });
    await post('/api/cache/config', { memo_comfyui: 'text', memo: 'off' });
    expect(await likely()).toEqual({ results: [] });
  });

  test('what is no key is refused', async () => {
    const { post } = createClient();
    expect((await post('/api/memo/comfyui', { keys: ['x'] })).status).toBe(400);
    expect((await post('/api/memo/comfyui', { keys: [], more: 1 })).status).toBe(400);
    expect((await post('/api/memo/comfyui/likely', { structures: ['x'] })).status).toBe(400);
  });
});
