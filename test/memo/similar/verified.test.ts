import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { MemoFound } from '../../../src/api/memo.ts';
import { fewestJudged } from '../../../src/memo/similar/explore.ts';
import { createMemo } from '../memo-rig.ts';
import { seeded } from './seeded.ts';

const words = ['which', 'city', 'has', 'tallest', 'tower'];
const fillers = ['', '', 'the', 'a', 'is', 'please'];

/** A question of a topic in one of many ways to say it, and its true answer. */
interface Made {
  text: string;
  topic: number;
  answer: string;
}

/** Whether another way to say it has the same answer: always, or but for one in 17. */
const kinds: readonly ((text: string, chance: number) => string)[] = [
  () => 'same',
  (_, chance) => (chance < 0.06 ? 'other' : 'same'),
  (_, chance) => (chance < 0.06 ? 'other' : 'same'),
  (_, chance) => (chance < 0.06 ? 'other' : 'same'),
];

function made(random: () => number): Made {
  const topic = Math.floor(random() * kinds.length);
  const filled = words.map((word) => `${fillers[Math.floor(random() * fillers.length)]} ${word}`.trim());
  const text = `${filled.join(' ')} ${topic}`;
  // The same words in another order mean something else, however near they are.
  const reversed = random() < 0.05;
  return {
    text: reversed ? text.split(' ').reverse().join(' ') : text,
    topic: reversed ? topic + 10 : topic,
    answer: `${topic}${reversed} ${kinds[topic]?.(text, random())}`,
  };
}

/** Near for all texts of a topic, the nearer the more fillers they share. */
function vectorOf(text: string): Float32Array {
  const counts = [3, ...['the', 'a', 'is', 'please'].map((word) => text.split(' ').filter((one) => one === word).length / 2)];
  const length = Math.hypot(...counts);
  return Float32Array.from(counts, (count) => count / length);
}

/** The plane with a namespace that verifies, and vectors of another kind than those of a model. */
async function arrange() {
  const asked: string[] = [];
  const embed = async (text: string) => {
    asked.push(text);
    return vectorOf(text);
  };
  const rig = createMemo({ embedder: { name: 'made up', embed } });
  const { memo } = rig;
  await memo.manage.change('n', (before) => ({ ...before, settings: { semantic: { mode: 'verified' } } }));
  const questionOf = (text: string) => ({ key: hash('sha256', text), asked: { text, scope: hash('sha256', 'scope') } });
  const get = async (text: string) => JSON.parse(await memo.get({ ns: 'n', as: 'value', ...questionOf(text) })) as MemoFound;
  const learn = async (text: string, answer: string, verdict?: { key: string; right: boolean }) => {
    const { key, asked: of } = questionOf(text);
    expect(await rig.put(key, answer, { asked: of, ...(verdict && { verdict }) })).toMatchObject({ stored: true });
    // The text is learnt behind the answer.
    await setImmediate();
    return key;
  };
  const judged = async (key: string) => (await memo.manage.explain('n', key)).compared;
  return { ...rig, asked, get, learn, judged };
}

/** Throws of the dice as a test wants them. */
function dice(random: () => number): void {
  const spied = vi.spyOn(Math, 'random').mockImplementation(random);
  onTestFinished(() => spied.mockRestore());
}

/** The same question in that many ways, whose vectors are equal. */
const ways = (many: number) => Array.from({ length: many }, (_, index) => `${'an '.repeat(index)}name the tower`);

test('of 2,000 made-up questions at most 1 % get a wrong answer, and many get one without a computation', {
  tags: 'slow',
}, async () => {
  const random = seeded(7);
  dice(seeded(8));
  const { memo, get, learn } = await arrange();
  const answers = new Map<string, string>();
  let wrong = 0;
  for (let question = 0; question < 2000; question += 1) {
    const { text, answer: first } = made(random);
    const answer = answers.get(text) ?? first;
    answers.set(text, answer);
    const found = await get(text);
    if (found.state === 'miss') await learn(text, answer);
    else wrong += Number(found.value !== answer);
  }
  expect(wrong / 2000).toBeLessThanOrEqual(0.01);
  expect(memo.manage.stats().alike).toBeGreaterThan(200);
});

test('before enough was judged nothing is served, and the server is not asked for a lookup', async () => {
  dice(() => 0.999);
  const { get, learn, judged, asked } = await arrange();
  const [first = '', ...others] = ways(fewestJudged + 2);
  const key = await learn(first, 'Burj Khalifa');
  const last = others.pop() ?? '';
  for (const way of others) {
    expect(await get(way)).toMatchObject({ state: 'miss' });
    await learn(way, 'Burj Khalifa');
  }
  expect(await judged(key)).toEqual({ mode: 'verified', judged: fewestJudged, right: fewestJudged });
  expect(asked).toEqual([first, ...others]);
  expect(await get(last)).toMatchObject({ state: 'hit', value: 'Burj Khalifa', similar: { key, by: 'verified' } });
  expect(asked).toEqual([first, ...others, last]);
});

test('a question that is to be computed is not thrown for again before its result is there', async () => {
  let thrown = 0;
  dice(() => thrown);
  const { get, learn } = await arrange();
  const all = ways(fewestJudged + 2);
  for (const way of all.slice(0, -1)) await learn(way, 'Burj Khalifa');
  const last = all.at(-1) ?? '';
  expect(await get(last)).toMatchObject({ state: 'miss' });
  thrown = 0.999;
  expect(await get(last)).toMatchObject({ state: 'miss' });
  await learn(last, 'Burj Khalifa');
  expect(await get(last)).toMatchObject({ state: 'hit' });
});

test("a program's own judge counts, not equality", async () => {
  const { learn, judged } = await arrange();
  const [first = '', second = '', third = ''] = ways(3);
  const key = await learn(first, 'Burj Khalifa');
  await learn(second, 'the Burj Khalifa', { key, right: true });
  await learn(third, 'Burj Khalifa', { key, right: false });
  expect(await judged(key)).toMatchObject({ judged: 2, right: 1 });
});

test('a text whose result is stored again begins anew: what was judged was of the earlier one', async () => {
  const { learn, judged } = await arrange();
  const [first = '', second = ''] = ways(2);
  await learn(second, 'Taipei 101');
  const key = await learn(first, 'Taipei 101');
  expect(await judged(key)).toMatchObject({ judged: 0 });
  const anew = await learn(second, 'Burj Khalifa');
  expect(await judged(anew)).toMatchObject({ judged: 0 });
});
