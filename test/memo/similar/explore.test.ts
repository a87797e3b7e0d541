import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exploreChance, fewestJudged, type Judged } from '../../../src/memo/similar/explore.ts';
import { seeded } from './seeded.ts';

/** Questions near one text: some are served, the others are computed and judged. */
function serve({
  questions,
  most,
  seed,
  isRight,
}: {
  questions: number;
  most: number;
  seed: number;
  isRight(similarity: number, random: number): boolean;
}) {
  const random = seeded(seed);
  const judged: Judged[] = [];
  let [served, wrong] = [0, 0];
  for (let asked = 0; asked < questions; asked += 1) {
    const similarity = 0.8 + 0.2 * random();
    const right = isRight(similarity, random());
    if (random() < exploreChance(judged.slice(-100), similarity, most)) judged.push({ similarity, right });
    else {
      served += 1;
      wrong += Number(!right);
    }
  }
  return { served, wrong };
}

test('with fewer than twenty judgements everything is computed', () => {
  const judged = Array.from({ length: fewestJudged - 1 }, () => ({ similarity: 0.99, right: true }));
  expect(exploreChance(judged, 1, 0.01)).toBe(1);
});

test.each([
  ['right above 0.95, wrong below', (similarity: number) => similarity > 0.95],
  ['right or wrong without regard to similarity', (_: number, random: number) => random < 0.7],
  ['ever more right', (similarity: number, random: number) => random < 1 / (1 + Math.exp(-60 * (similarity - 0.9)))],
  ['always wrong', () => false],
])('of all answers at most one in a hundred is wrong: %s', (_, isRight) => {
  const worlds = Array.from({ length: 4 }, (_, seed) => serve({ questions: 500, most: 0.01, seed, isRight }));
  const wrong = worlds.reduce((sum, world) => sum + world.wrong, 0);
  expect(wrong / 2000).toBeLessThanOrEqual(0.01);
});

test('where all were right most is served in the end', () => {
  const { served, wrong } = serve({ questions: 600, most: 0.01, seed: 1, isRight: () => true });
  expect(wrong).toBe(0);
  expect(served).toBeGreaterThan(150);
});

test('one more wrong judgement never makes it serve more', () => {
  const judgement = fc.record({ similarity: fc.double({ min: 0.7, max: 1, noNaN: true }), right: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(judgement, { minLength: 20, maxLength: 40 }),
      fc.double({ min: 0.7, max: 1, noNaN: true }),
      (judged, at) => {
        const before = exploreChance(judged, at, 0.01);
        const after = exploreChance([...judged, { similarity: at, right: false }], at, 0.01);
        expect(after).toBeGreaterThanOrEqual(before - 1e-9);
        expect(before).toBeGreaterThanOrEqual(0);
        expect(before).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 50 },
  );
});
