import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { MemoSemantic } from '../../../src/api/memo.ts';
import type { Embeds } from '../../helpers/embedding-server.ts';
import { patience } from '../../helpers/patience.ts';
import { createClient } from '../../helpers/services.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { createMemo, keyOf } from '../memo-rig.ts';
import { miniLm, withTexts } from './text-rig.ts';

const near: MemoSemantic = { mode: 'threshold', threshold: 0.9, acceptWrongAnswers: true };

describe('a server of embeddings in trouble costs the comparison, and nothing else', () => {
  test.each<[string, Embeds | 'away']>([
    ['is away', 'away'],
    ['has an error', () => ({ status: 503, body: 'loading' })],
    ['never answers', () => 'never'],
    ['answers something else', () => ({ status: 200, body: '{"data":[{"embedding":"none"}]}' })],
  ])('it %s', async (_, embeds) => {
    const { server, put, get, similar, request } = await withTexts(near, { embeds: embeds === 'away' ? miniLm : embeds });
    if (embeds === 'away') server.stop();
    const key = await put('a red car', 'red');
    expect(await get('a red automobile')).toMatchObject({ state: 'miss' });
    expect(await similar('a red car')).toEqual([]);
    expect(await request('/api/memo/take', { text: 'a red automobile' })).toMatchObject({ state: 'compute' });
    const asked = server.asked.length;
    expect(await get('a red car')).toMatchObject({ state: 'hit', value: 'red', key });
    expect(server.asked).toHaveLength(asked);
  });

  test('its vectors have another length than before', async () => {
    let embeds: Embeds = miniLm;
    const { learn, get, similar } = await withTexts(near, { embeds: (text) => embeds(text) });
    await learn('a red car', 'red');
    embeds = () => [1, 0];
    expect(await get('a red automobile')).toMatchObject({ state: 'miss' });
    await learn('a blue car', 'blue');
    expect(await similar('a house')).toMatchObject([{ similarity: 1 }]);
    expect(await get('a red car')).toMatchObject({ state: 'hit', value: 'red' });
  });

  test('an exact hit asks nothing', async () => {
    const { learn, get, server } = await withTexts(near);
    await learn('a red car', 'red');
    const asked = server.asked.length;
    for (let times = 0; times < 10; times += 1) expect(await get('a red car')).toMatchObject({ state: 'hit' });
    expect(server.asked).toHaveLength(asked);
  });
});

test('a namespace that compares nothing sends no text to the server', async () => {
  const { put, get, server } = await withTexts(null);
  await put('a red car', 'red');
  expect(await get('A red car')).toMatchObject({ state: 'miss' });
  expect(await get('a red car')).toMatchObject({ state: 'hit' });
  expect(server.asked).toEqual([]);
});

test('texts are found again after a restart, those of another model and of results that left are not', async () => {
  const dir = join(tempDir(), 'memo');
  const open = (name: string) => createMemo({ dir, embedder: { name, embed: async () => Float32Array.of(0.6, 0.8) } });
  const one = open('one');
  await one.memo.manage.change('n', (before) => ({ ...before, settings: { semantic: near } }));
  const question = (index: number, scope: number) => ({
    key: keyOf(index),
    asked: { text: `text ${index}`, scope: keyOf(scope) },
  });
  for (const index of [1, 2]) await one.put(keyOf(index), index, question(index, index));
  await setImmediate();
  await one.memo[Symbol.asyncDispose]();
  const find = async (rig: typeof one, scope: number) =>
    JSON.parse(await rig.memo.get({ ns: 'n', as: 'value', ...question(9, scope) })) as { state: string; value?: number };
  const other = open('other');
  expect(await find(other, 1)).toMatchObject({ state: 'miss' });
  await other.memo[Symbol.asyncDispose]();
  const again = open('one');
  await again.memo.manage.invalidate({ ns: 'n', keys: [keyOf(2)] }, { dryRun: false });
  expect(await find(again, 1)).toMatchObject({ state: 'hit', value: 1 });
  expect(await find(again, 2)).toMatchObject({ state: 'miss' });
});

describe('what cannot be is refused in words', () => {
  test.each<[string, string, object, RegExp]>([
    ['pictures by their texts', 'comfyui', { mode: 'normalise' }, /never served for another text/],
    ['prompts by their texts', 'comfyui.results', near, /never served for another text/],
    ['wrong answers that nobody accepts', 'faq', { mode: 'threshold', threshold: 0.9 }, /acceptWrongAnswers.*must be true/],
    ['a threshold above 1', 'faq', { ...near, threshold: 1.1 }, /threshold/],
    ['an unknown mode', 'faq', { mode: 'guess' }, /mode/],
    ['every answer wrong', 'faq', { mode: 'verified', wrong: 1 }, /wrong/],
    ['an unknown difference', 'faq', { mode: 'normalise', normalise: ['words'] }, /normalise/],
    ['no difference', 'faq', { mode: 'normalise', normalise: [] }, /normalise/],
  ])('%s', async (_, ns, how, message) => {
    const { compare } = await withTexts(null);
    const answer = await compare(how, ns);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', message: expect.stringMatching(message) } },
    });
  });

  test.each<[string, object]>([
    ['a text beside a key', { text: 'a', key: keyOf(1) }],
    ['a text beside keys', { text: 'a', keys: [keyOf(1)] }],
    ['an empty text', { text: '' }],
    ['a text that is no text', { text: 1 }],
    ['a text that is too long', { text: 'x'.repeat(32_769) }],
  ])('%s', async (_, question) => {
    const { request } = await withTexts(null);
    expect(await request('/api/memo/get', question)).toMatchObject({ error: { code: 'BAD_REQUEST' } });
  });

  test('a comparison without a server of embeddings', async () => {
    const { send } = createClient();
    const compare = (semantic: object) => send({ method: 'PUT', url: '/api/memo/namespaces/faq', payload: { semantic } });
    for (const semantic of [{ mode: 'suggest' }, { mode: 'verified' }, near])
      expect(await compare(semantic)).toMatchObject({
        status: 400,
        body: { error: { hint: expect.stringContaining('AUTOCACHE_EMBEDDINGS_URL') } },
      });
    expect(await compare({ mode: 'normalise' })).toMatchObject({ status: 200 });
  });
});

test('answers of a language model are compared with no other text, and it is said', async () => {
  const { compare } = await withTexts(null);
  for (const semantic of [{ mode: 'normalise' }, { mode: 'suggest' }, { mode: 'verified' }])
    expect(await compare(semantic, 'llm')).toMatchObject({
      status: 400,
      body: { error: { code: 'BAD_REQUEST', message: expect.stringContaining('by the whole question only') } },
    });
  expect(await compare(null, 'llm')).toMatchObject({ status: 200 });
});

test('vectors count under the limit of results, and leave with them', async () => {
  const { put, get, learn, similar, stats, request, settings } = await withTexts({ mode: 'suggest' }, { embeds: () => [3, 4] });
  await learn('a red car', 1);
  const [result, vector] = [1, 8];
  expect(await stats()).toMatchObject({ bytes: result + vector });
  await put('a red car', 22);
  await expect.poll(async () => (await stats()).bytes, { timeout: patience(10_000) }).toBe(2 * result + vector);
  await request('/api/memo/invalidate', { all: true });
  expect(await stats()).toMatchObject({ bytes: 0, reserved: 0 });
  settings.change({ memo_limit: '7B' });
  await put('a red car', 1);
  await put('a blue car', 2);
  expect(await get('a red car')).toMatchObject({ state: 'hit' });
  expect(await similar('a red car')).toEqual([]);
  expect(await stats()).toMatchObject({ bytes: 2, reserved: 0 });
});

test('null ends the comparison, and other settings leave it as it is', async () => {
  const { compare, send, put, get } = await withTexts({ mode: 'normalise' });
  await put('a red car', 1);
  await send({ method: 'PUT', url: '/api/memo/namespaces/faq', payload: { ttl: '1h' } });
  expect(await get('A red car')).toMatchObject({ state: 'hit' });
  expect(await compare(null)).toMatchObject({ status: 200, body: { settings: { ttlMs: 3_600_000 } } });
  expect(await get('A red car')).toMatchObject({ state: 'miss' });
});
