import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { slowTests } from '../helpers/slow.ts';
import { createMemo, keyOf, MiB } from './memo-rig.ts';

type Rig = ReturnType<typeof createMemo>;

async function putBytes({ memo, put }: Rig, index: number, size: number) {
  const bytes = randomBytes(size);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await memo.blobs.store({ bytes: [bytes], size, sha256 });
  return put(keyOf(index), null, { given: { blob: sha256 } });
}

/** Bytes of all files of blobs, finished or not. */
function bytesOnDisk(dir: string): number {
  // Nothing is made before the first use.
  const folders = ['cas', 'partial'].filter((name) => existsSync(join(dir, name)));
  const files = folders.flatMap((name) => readdirSync(join(dir, name), { recursive: true, withFileTypes: true }));
  return files.filter((file) => file.isFile()).reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
}

describe('limits', () => {
  test('are told before anything is stored', () => {
    const { ram, limit, max_items } = createMemo({ ramBytes: 3 * MiB }).memo.manage.stats();
    expect({ ram, limit, max_items }).toEqual({
      ram: { items: 0, bytes: 0, limit: 3 * MiB },
      limit: 64 * MiB,
      max_items: 10_000,
    });
  });

  test('test_lru_eviction: of equal results the one used longest ago leaves', async () => {
    const rig = createMemo();
    rig.world.items = 3;
    for (const index of [1, 2, 3]) await rig.put(keyOf(index), index);
    await rig.get(keyOf(1));
    await rig.put(keyOf(4), 4);
    const states = await Promise.all([1, 2, 3, 4].map(async (index) => (await rig.get(keyOf(index))).state));
    expect(states).toEqual(['hit', 'miss', 'hit', 'hit']);
    expect(rig.memo.manage.stats()).toMatchObject({ current_items: 3, max_items: 3, evictions: 1 });
  });

  test('test_memory_limit_enforcement: never more bytes than the limit, also while a blob is written', async () => {
    const rig = createMemo();
    rig.world.limit = 3 * MiB;
    let most = 0;
    for (let index = 0; index < 12; index += 1) {
      const storing = putBytes(rig, index, MiB - 100);
      most = Math.max(most, bytesOnDisk(rig.dir));
      expect(await storing).toMatchObject({ stored: true });
      most = Math.max(most, bytesOnDisk(rig.dir));
    }
    expect(most).toBeLessThanOrEqual(3 * MiB);
    expect(rig.memo.manage.stats()).toMatchObject({ current_items: 3, evictions: 9 });
  });

  test('what saves more seconds for each byte stays', async () => {
    const rig = createMemo();
    rig.world.items = 2;
    await rig.put(keyOf(1), 'x', { costMs: 60_000 });
    await rig.put(keyOf(2), 'x', { costMs: 50 });
    await rig.put(keyOf(3), 'x', { costMs: 1000 });
    expect((await rig.get(keyOf(1))).state).toBe('hit');
    expect((await rig.get(keyOf(2))).state).toBe('miss');
  });

  test('what is cheaper to compute than to keep is not stored; without a told cost all is', async () => {
    const { put, memo } = createMemo();
    expect(await put(keyOf(1), 'x', { costMs: 1 })).toEqual({ stored: false, reason: 'NOT_WORTH', key: keyOf(1) });
    expect(await put(keyOf(1), 'x', { costMs: 7 })).toMatchObject({ stored: true });
    expect(await put(keyOf(2), 'x')).toMatchObject({ stored: true });
    expect(memo.manage.stats()).toMatchObject({ stores: 2, rejected: 1 });
  });

  test('a value over its limit is refused', async () => {
    const { put, world, memo } = createMemo();
    expect(await put(keyOf(1), 'x'.repeat(MiB))).toMatchObject({ stored: false, reason: 'TOO_LARGE' });
    world.maxValue = 100;
    const storing = memo.blobs.store({ bytes: [Buffer.alloc(101)], size: null, sha256: null });
    await expect(storing).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
  });

  test('the volume keeps its free space, and nothing leaves in vain', async () => {
    const rig = createMemo();
    await putBytes(rig, 1, MiB);
    rig.world.floor = 100 * MiB;
    rig.world.free = 50 * MiB;
    const refused = rig.memo.blobs.store({ bytes: [Buffer.alloc(10)], size: 10, sha256: null });
    await expect(refused).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await rig.get(keyOf(1))).state).toBe('hit');
  });

  test('blobs that a program was just given stay', async () => {
    const rig = createMemo();
    rig.world.limit = MiB;
    await putBytes(rig, 1, MiB);
    await rig.get(keyOf(1));
    await expect(putBytes(rig, 2, MiB)).rejects.toMatchObject({ code: 'NO_SPACE' });
    rig.clock.advance(2 * 60_000);
    expect(await putBytes(rig, 2, MiB)).toMatchObject({ stored: true });
  });

  test('what is over leaves first, and is no eviction', async () => {
    const rig = createMemo();
    rig.world.items = 2;
    await rig.put(keyOf(1), 'dear', { costMs: 1e9, ttlMs: 1000 });
    await rig.put(keyOf(2), 'cheap', { costMs: 10 });
    rig.clock.advance(2000);
    await rig.put(keyOf(3), 'new');
    expect((await rig.get(keyOf(2))).state).toBe('hit');
    expect(rig.memo.manage.stats()).toMatchObject({ current_items: 2, evictions: 0 });
  });

  test('a result that is stored again pushes out no other', async () => {
    const { put, get, world, memo } = createMemo();
    Object.assign(world, { items: 2, limit: 1000 });
    for (const value of ['x'.repeat(400), 'y'.repeat(400), 'z'.repeat(500)])
      for (const index of [1, 2].slice(0, value.startsWith('z') ? 1 : 2)) await put(keyOf(index), value);
    expect([(await get(keyOf(1))).state, (await get(keyOf(2))).state]).toEqual(['hit', 'hit']);
    expect(memo.manage.stats()).toMatchObject({ evictions: 0, current_items: 2 });
  });

  test('a namespace has its own: what is worth least in it leaves, and others keep theirs', async () => {
    const { memo, put, get } = createMemo();
    await put(keyOf(1), 'other', { ns: 'other', costMs: 10 });
    await memo.manage.change('n', (before) => ({ ...before, settings: { maxItems: 2, maxBytes: 2000 } }));
    await put(keyOf(1), 'dear', { costMs: 1e9 });
    for (const index of [2, 3, 4]) expect(await put(keyOf(index), 'cheap', { costMs: 1000 })).toMatchObject({ stored: true });
    expect(memo.manage.namespaces()).toMatchObject([
      { name: 'n', items: 2 },
      { name: 'other', items: 1 },
    ]);
    expect((await get(keyOf(1))).state).toBe('hit');
    expect(await put(keyOf(4), 'x'.repeat(1900), { costMs: 1e9 })).toMatchObject({ stored: true });
    expect(await put(keyOf(4), 'x'.repeat(1990))).toMatchObject({ stored: true });
    expect(await put(keyOf(5), 'x'.repeat(2001))).toMatchObject({ stored: false, reason: 'NO_SPACE' });
    expect(memo.manage.namespaces()).toMatchObject([{ items: 2, bytes: 1998 }, { items: 1 }]);
    await memo.manage.change('n', (before) => ({ ...before, settings: { maxBytes: 100 } }));
    expect(memo.manage.namespaces()).toMatchObject([{ items: 1, bytes: 6 }, { items: 1 }]);
    expect(memo.manage.stats()).toMatchObject({ evictions: 3 });
  });

  test('that of a namespace holds when many store at once', async () => {
    const { memo, put } = createMemo();
    await memo.manage.change('n', (before) => ({ ...before, settings: { maxItems: 3 } }));
    let most = 0;
    const store = async (index: number) => {
      await put(keyOf(index), index);
      most = Math.max(most, memo.manage.namespaces()[0]?.items ?? 0);
    };
    await Promise.all(Array.from({ length: 40 }, (_, index) => store(index)));
    expect(most).toBe(3);
    expect(memo.manage.stats()).toMatchObject({ stores: 40, evictions: 37 });
  });

  test('a lower limit counts at once', async () => {
    const rig = createMemo();
    for (const index of [1, 2, 3]) await rig.put(keyOf(index), index);
    rig.world.items = 1;
    await rig.memo.manage.trim();
    expect(rig.memo.manage.stats().current_items).toBe(1);
  });

  test('hold after any sequence of calls, and the figures are those of a model', async () => {
    const operation = fc.oneof(
      fc.record({
        do: fc.constant('put' as const),
        key: fc.integer({ min: 0, max: 12 }),
        size: fc.integer({ min: 0, max: 40_000 }),
      }),
      fc.record({ do: fc.constant('get' as const), key: fc.integer({ min: 0, max: 12 }) }),
      fc.record({ do: fc.constant('invalidate' as const), key: fc.integer({ min: 0, max: 12 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 60 }), async (operations) => {
        const rig = createMemo({ ramBytes: 20_000 });
        Object.assign(rig.world, { items: 5, limit: 60_000 });
        const stored = new Map<number, string>();
        let [hits, misses] = [0, 0];
        for (const step of operations) {
          // What was handed out stays for a minute.
          rig.clock.advance(2 * 60_000);
          if (step.do === 'put') {
            const value = `${step.key} ${'x'.repeat(step.size)}`;
            if ((await rig.put(keyOf(step.key), value)).stored) stored.set(step.key, value);
          } else if (step.do === 'invalidate') {
            await rig.memo.manage.invalidate({ ns: 'n', keys: [keyOf(step.key)] }, { dryRun: false });
            stored.delete(step.key);
          } else {
            const { state, value } = await rig.get(keyOf(step.key));
            if (state === 'hit') {
              hits += 1;
              expect(value).toBe(stored.get(step.key));
            } else misses += 1;
          }
          const { current_items, bytes, reserved } = rig.memo.manage.stats();
          expect(current_items).toBeLessThanOrEqual(5);
          expect(bytes).toBeLessThanOrEqual(60_000);
          expect(bytesOnDisk(rig.dir)).toBeLessThanOrEqual(60_000);
          expect(reserved).toBe(0);
        }
        expect(rig.memo.manage.stats()).toMatchObject({ hits, misses });
        await rig.memo[Symbol.asyncDispose]();
      }),
      { numRuns: slowTests ? 25 : 10 },
    );
  });
});
