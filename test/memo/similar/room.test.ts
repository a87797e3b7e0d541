import { describe, expect, test, vi } from 'vitest';
import type { MemoSimilarAnswer } from '../../../src/api/memo.ts';
import { patience } from '../../helpers/patience.ts';
import { createMemo, keyOf, MiB } from '../memo-rig.ts';

const length = 64;
const vectorBytes = 4 * length;

/** Of each text another direction: the more alike two numbers are, the nearer. */
function vectorOf(text: string): Float32Array {
  const angle = Number(text) / 1000;
  const vector = new Float32Array(length);
  vector[0] = Math.cos(angle);
  vector[1] = Math.sin(angle);
  return vector;
}

/** Results with texts, in a namespace that compares them. */
async function withTexts({ ramBytes = MiB, maxBytes }: { ramBytes?: number; maxBytes?: number } = {}) {
  const embedder = { name: 'fake', embed: async (text: string) => vectorOf(text) };
  const rig = createMemo({ ramBytes, embedder: embedder as never });
  const settings = { semantic: { mode: 'suggest' as const }, ...(maxBytes !== undefined && { maxBytes }) };
  await rig.memo.manage.change('n', (before) => ({ ...before, settings }));
  const similar = async (text: number, most = 5) =>
    (await rig.memo.similar('n', { text: String(text), scope: null }, most)).similar as MemoSimilarAnswer['similar'];
  const put = (index: number, value: unknown, more: object = {}) =>
    rig.put(keyOf(index), value, { asked: { text: String(index), scope: '00'.repeat(32) }, ...more });
  /** Resolves when its meaning is known, too. */
  const learn = async (index: number, value: unknown) => {
    await put(index, value);
    await vi.waitFor(async () => expect((await similar(index, 1))[0]?.key).toBe(keyOf(index)), { timeout: patience(10_000) });
  };
  const held = () => rig.memo.manage.namespaces()[0] ?? { items: 0, bytes: 0 };
  return { ...rig, put, learn, similar, held };
}

describe('vectors count under the limit of their namespace', () => {
  test('with their results', async () => {
    const { learn, held } = await withTexts({ maxBytes: 1_000_000 });
    for (const index of [1, 2, 3]) await learn(index, 'x');
    expect(held()).toMatchObject({ items: 3, bytes: 3 * (3 + vectorBytes) });
  });

  test('which holds at any time; what leaves takes its vector along', async () => {
    const maxBytes = 4 * (vectorBytes + 3) + 100;
    const { learn, held, memo, similar } = await withTexts({ maxBytes });
    for (let index = 1; index <= 20; index += 1) {
      await learn(index, 'x');
      expect(held().bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(held()).toMatchObject({ items: 4, bytes: 4 * (vectorBytes + 3) });
    expect(memo.manage.stats()).toMatchObject({ bytes: held().bytes, evictions: 16 });
    expect((await similar(20)).map(({ key }) => key)).toEqual([20, 19, 18, 17].map(keyOf));
  });

  test('a result that is stored again pushes out no other', async () => {
    const { learn, put, held, memo } = await withTexts({ maxBytes: 3 * (vectorBytes + 3) });
    for (const index of [1, 2, 3]) await learn(index, 'x');
    await put(2, 'y');
    await vi.waitFor(() => expect(held().bytes).toBe(3 * (vectorBytes + 3)), { timeout: patience(10_000) });
    expect(memo.manage.stats()).toMatchObject({ current_items: 3, evictions: 0 });
  });

  test('a lower limit removes results for their vectors', async () => {
    const { learn, held, memo } = await withTexts({ maxBytes: 1_000_000 });
    for (const index of [1, 2, 3]) await learn(index, 'x');
    await memo.manage.change('n', (before) => ({ ...before, settings: { ...before.settings, maxBytes: vectorBytes + 50 } }));
    expect(held()).toMatchObject({ items: 1, bytes: vectorBytes + 3 });
  });

  test('a result is kept that has no room for its vector, and nothing leaves in vain', async () => {
    const { learn, put, held, similar, get } = await withTexts({ maxBytes: vectorBytes + 3 });
    await learn(1, 'x');
    await put(2, 'x'.repeat(vectorBytes - 10));
    await vi.waitFor(() => expect(held().items).toBe(1), { timeout: patience(10_000) });
    expect(await similar(1)).toEqual([]);
    expect((await get(keyOf(2))).state).toBe('hit');
  });
});

describe('vectors count under AUTOCACHE_MEMO_RAM', () => {
  test('results leave the memory for them, and are found all the same', async () => {
    const ramBytes = 170_000;
    const rig = await withTexts({ ramBytes });
    for (let index = 1; index <= 40; index += 1) await rig.put(index, 'x'.repeat(1500));
    const before = rig.memo.manage.stats().ram;
    expect(before.bytes).toBeGreaterThan(ramBytes - 10_000);
    await vi.waitFor(async () => expect(await rig.similar(20, 40)).toHaveLength(40), { timeout: patience(10_000) });
    const { ram } = rig.memo.manage.stats();
    expect(ram.bytes).toBeLessThanOrEqual(ramBytes);
    expect(ram.items).toBeLessThan(before.items);
    for (let index = 1; index <= 40; index += 1) expect((await rig.get(keyOf(index))).state).toBe('hit');
    expect(rig.memo.manage.stats().ram.bytes).toBeLessThanOrEqual(ramBytes);
  });

  test('more than it holds are read for each question, with the same answers', { tags: 'slow' }, async () => {
    const [small, large] = [await withTexts({ ramBytes: 20_000 }), await withTexts()];
    for (const rig of [small, large]) for (let index = 1; index <= 1200; index += 1) await rig.put(index, index);
    for (const rig of [small, large])
      await vi.waitFor(async () => expect((await rig.similar(1200, 1))[0]?.key).toBe(keyOf(1200)), {
        timeout: patience(20_000),
      });
    for (const text of [1, 600.4, 1200]) {
      const found = (await small.similar(text)).map(({ key }) => key);
      expect(found).toEqual((await large.similar(text)).map(({ key }) => key));
      expect(found[0]).toBe(keyOf(Math.round(text)));
    }
    expect(small.memo.manage.stats().ram.bytes).toBeLessThanOrEqual(20_000);
    expect(large.memo.manage.stats().ram.bytes).toBeGreaterThan(1200 * vectorBytes);
  });

  test('of several namespaces the one asked of last is in memory', async () => {
    const { memo, put, similar } = await withTexts({ ramBytes: 30_000 });
    const semantic = { mode: 'suggest' as const };
    await memo.manage.change('other', (before) => ({ ...before, settings: { semantic } }));
    for (const ns of ['n', 'other']) for (let index = 1; index <= 40; index += 1) await put(index, index, { ns });
    const ofOther = async () => (await memo.similar('other', { text: '40', scope: null }, 50)).similar;
    for (let round = 0; round < 3; round += 1) {
      await vi.waitFor(async () => expect(await similar(40, 50)).toHaveLength(40), { timeout: patience(10_000) });
      await vi.waitFor(async () => expect(await ofOther()).toHaveLength(40), { timeout: patience(10_000) });
      expect(memo.manage.stats().ram.bytes).toBeLessThanOrEqual(30_000);
    }
  });
});
