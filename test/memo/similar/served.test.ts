import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MemoSemantic } from '../../../src/api/memo.ts';
import { patience } from '../../helpers/patience.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { texts, withTexts } from './text-rig.ts';

const near: MemoSemantic = { mode: 'threshold', threshold: 0.9, acceptWrongAnswers: true };
const [asked, other] = ['a red car', 'A red car!'];

describe('the mode normalise', () => {
  test('a text in other case, spacing and punctuation finds the result, and the answer says so', async () => {
    const { put, get, stats, server } = await withTexts({ mode: 'normalise' });
    const key = await put('What is the capital of France?', 'Paris');
    const found = await get('  what is the capital of France');
    expect(found).toMatchObject({ state: 'hit', value: 'Paris', similar: { key, similarity: 1, by: 'normalised' } });
    expect(found.key).not.toBe(key);
    const exact = await get('What is the capital of France?');
    expect(exact).toMatchObject({ state: 'hit', value: 'Paris', key });
    expect(exact).not.toHaveProperty('similar');
    for (const text of ['What is the capital of Germany?', 'What was the capital of France?', 'capital of France'])
      expect(await get(text)).toMatchObject({ state: 'miss' });
    expect(await stats()).toMatchObject({ hits: 2, alike: 1, misses: 3 });
    expect(server.asked).toEqual([]);
  });

  test('only what is named may differ', async () => {
    const { put, get, compare } = await withTexts(null);
    expect(await compare({ mode: 'normalise', normalise: 'case, space' })).toMatchObject({
      body: { settings: { semantic: { normalise: ['case', 'space'] } } },
    });
    await put('Open the  door', 1);
    expect(await get('open the door')).toMatchObject({ state: 'hit', value: 1 });
    expect(await get('open the door!')).toMatchObject({ state: 'miss' });
  });

  test('other parts, another version and another namespace have other results', async () => {
    const { put, get } = await withTexts({ mode: 'normalise' });
    await put(asked, 1, { parts: { model: 'a', seed: 18446744073709551615n.toString() } });
    expect(await get(other)).toMatchObject({ state: 'miss' });
    expect(await get(other, { parts: { model: 'b' } })).toMatchObject({ state: 'miss' });
    const same = { parts: { model: 'a', seed: 18446744073709551615n.toString() } };
    expect(await get(other, { ...same, version: '2' })).toMatchObject({ state: 'miss' });
    expect(await get(other, { ...same, ns: 'shop' })).toMatchObject({ state: 'miss' });
    expect(await get(other, same)).toMatchObject({ state: 'hit' });
  });

  test('a stale result of another text is served, and one asker computes its own', async () => {
    const { put, request, get, clock } = await withTexts({ mode: 'normalise' });
    await put(asked, 1, { ttl: '1m', stale: '1h' });
    clock.advance(60_000);
    const taken = await request<{ refresh: string }>('/api/memo/take', { text: other });
    expect(taken).toMatchObject({ state: 'stale', value: 1, refresh: expect.any(String) });
    await put(other, 2, { lease: taken.refresh });
    expect(await get(other)).toMatchObject({ state: 'hit', value: 2 });
    expect(await get(other)).not.toHaveProperty('similar');
  });

  test('a text of marks alone is that text', async () => {
    const { put, get } = await withTexts({ mode: 'normalise' });
    await put('?', 1);
    expect(await get('!')).toMatchObject({ state: 'miss' });
    expect(await get('?')).toMatchObject({ state: 'hit' });
  });
});

describe.each([
  ['normalise', { mode: 'normalise' } as MemoSemantic, 'a RED car'],
  ['threshold', near, 'a red automobile'],
])('what an exact question would not find, mode %s does not serve either', (_, semantic, alike) => {
  async function arrange(more: object = {}) {
    const rig = await withTexts(semantic);
    const key = await rig.put(asked, 1, more);
    await expect
      .poll(() => rig.get(alike), { timeout: patience(10_000) })
      .toMatchObject({ state: 'hit', value: 1, similar: { key } });
    return { ...rig, key };
  }

  test('its time is over', async () => {
    const { clock, get } = await arrange({ ttl: '1h' });
    clock.advance(3_600_000);
    expect(await get(alike)).toMatchObject({ state: 'miss' });
  });

  test.each<[string, (key: string) => object]>([
    ['its tag was invalidated', () => ({ tags: ['t'] })],
    ['its key was invalidated', (key) => ({ keys: [key] })],
    ['its namespace was emptied', () => ({ all: true })],
  ])('%s', async (_why, which) => {
    const { request, get, key } = await arrange({ tags: ['t'] });
    await request('/api/memo/invalidate', which(key));
    expect(await get(alike)).toMatchObject({ state: 'miss' });
    expect(await get(asked)).toMatchObject({ state: 'miss' });
  });

  test('the file that it came from has changed', async () => {
    const file = join(tempDir(), 'facts.txt');
    writeFileSync(file, 'one');
    const { clock, get } = await arrange({ deps: [`file:${file}`] });
    writeFileSync(file, 'another');
    clock.advance(10_000);
    expect(await get(alike)).toMatchObject({ state: 'miss' });
  });

  test('it was stored again: the later one is served', async () => {
    const { put, get } = await arrange();
    for (let value = 2; value < 15; value += 1) await put(asked, value);
    await expect.poll(() => get(alike), { timeout: patience(10_000) }).toMatchObject({ state: 'hit', value: 14 });
  });
});

test.each([
  ['normalise', { mode: 'normalise' } as MemoSemantic, 'a RED car'],
  ['threshold', near, 'a red automobile'],
])('a picture is never served for another text: mode %s', async (_, semantic, alike) => {
  const { app, token, request, get, compare, learnt, similar } = await withTexts(semantic);
  const sha256 = 'f16d05ec6b29248d2c61adb1e9263f78e4f7bace1b955014a2d17872cfe4064d';
  const headers = { host: '127.0.0.1:8189', authorization: `Bearer ${token}`, 'content-type': 'image/png' };
  await app.inject({ method: 'PUT', url: `/api/memo/blobs/${sha256}`, headers, payload: 'fixture' });
  for (const result of [{ blob: sha256 }, { files: [{ name: 'a.png', sha256 }] }, { value: { $blob: sha256 } }]) {
    expect(await request('/api/memo/put', { text: asked, ...result })).toMatchObject({ stored: true });
    if (semantic.mode === 'threshold') await learnt(asked);
    expect(await get(alike)).toMatchObject({ state: 'miss' });
    expect(await get(asked)).toMatchObject({ state: 'hit' });
  }
  expect(await compare({ mode: 'suggest' })).toMatchObject({ status: 200 });
  await request('/api/memo/put', { text: asked, blob: sha256, label: 'the car' });
  await learnt(asked);
  expect(await similar('a red automobile')).toMatchObject([{ label: 'the car', sameWords: false }]);
});

describe('with the vectors of all-MiniLM-L6-v2', () => {
  test('suggest tells what is near and serves nothing', async () => {
    const { learn, similar, get } = await withTexts({ mode: 'suggest' });
    for (const text of ['a red car', 'a blue car', 'a house', 'open the door']) await learn(text, text, { parts: { seed: 1 } });
    const found = await similar('a red automobile', { limit: 2 });
    expect(found).toMatchObject([{ similarity: expect.closeTo(0.933, 2), sameWords: false, ageMs: 0 }, {}]);
    expect(await similar('the red car', { parts: { seed: 1 }, limit: 1 })).toMatchObject([{ sameWords: true }]);
    expect(await similar('the red car', { parts: { seed: 2 } })).toEqual([]);
    for (const text of texts.slice(2, 12)) expect(await get(text, { parts: { seed: 1 } })).toMatchObject({ state: 'miss' });
    expect(await get('A RED CAR', { parts: { seed: 1 } })).toMatchObject({ state: 'miss' });
  });

  test('threshold serves what is near, and with it what is wrong', async () => {
    const { learn, get, stats } = await withTexts(near);
    const key = await learn('a knight fighting a dragon', 'the knight attacks');
    await learn('a red car', 'red');
    expect(await get('a dragon fighting a knight')).toMatchObject({
      value: 'the knight attacks',
      similar: { key, by: 'threshold', similarity: expect.closeTo(0.996, 2) },
    });
    expect(await get('a red automobile')).toMatchObject({ value: 'red' });
    expect(await get('a blue car')).toMatchObject({ state: 'miss' });
    expect(await stats()).toMatchObject({ alike: 2, hits: 2, misses: 1 });
  });

  test('verified serves none of the near misses, nor any other text before enough was judged', { tags: 'slow' }, async () => {
    const { put, get, explain, learnt, server } = await withTexts({ mode: 'verified' });
    const keys = new Map<string, string>();
    for (const text of texts) {
      expect(await get(text)).toMatchObject({ state: 'miss' });
      keys.set(text, await put(text, text));
      await expect.poll(() => server.asked.includes(text), { timeout: patience(10_000) }).toBe(true);
    }
    for (const text of texts) expect(await get(text)).toMatchObject({ state: 'hit', value: text });
    await learnt('the red car');
    expect((await explain(keys.get('a red car') ?? '')).compared).toEqual({ mode: 'verified', judged: 1, right: 0 });
    // Asked once each, when they were stored: a lookup asks only when something could be served.
    expect(server.asked.toSorted()).toEqual(texts.toSorted());
  });
});
