import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Vectors } from '../../../src/memo/similar/vectors.ts';

const length = 3;
const most = 20;
const vector = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: length, maxLength: length })
  .filter((numbers) => Math.hypot(...numbers) > 0.01)
  .map((numbers) => Float32Array.from(numbers, (number) => number / Math.hypot(...numbers)));
const id = fc.integer({ min: 1, max: 40 });
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ id, scope: fc.constantFrom('a', 'b'), vector }) },
  { weight: 1, arbitrary: fc.record({ dropped: id }) },
);

test('the nearest are those that comparing all finds, among the newest that were not dropped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 100 }), vector, async (changes, asked) => {
      const vectors = new Vectors(length, most);
      // The oldest first.
      const kept = new Map<number, { scope: string; vector: Float32Array }>();
      for (const one of changes) {
        if ('dropped' in one) {
          vectors.drop(one.dropped);
          kept.delete(one.dropped);
          continue;
        }
        kept.delete(one.id);
        const [oldest] = kept.keys();
        const expected = kept.size === most ? oldest : undefined;
        if (expected !== undefined) kept.delete(expected);
        kept.set(one.id, one);
        expect(vectors.add(one.id, one.scope, one.vector) ?? undefined).toBe(expected);
      }
      const product = (of: Float32Array) => of.reduce((sum, number, at) => sum + number * (asked[at] ?? 0), 0);
      for (const scope of ['a', 'b', 'c', null]) {
        const all = [...kept].filter(([, one]) => scope === null || one.scope === scope);
        const expected = all.map(([, one]) => product(one.vector)).sort((a, b) => b - a);
        const found = await vectors.nearest(scope, asked, 5);
        expect(found).toHaveLength(Math.min(5, expected.length));
        for (const [at, { id: near, similarity }] of found.entries()) {
          expect(similarity).toBeCloseTo(expected[at] ?? 2, 5);
          expect(similarity).toBeCloseTo(product(kept.get(near)?.vector ?? new Float32Array(length)), 5);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('of long vectors no more are kept than take 80 MB', () => {
  const long = 2 ** 20;
  const vectors = new Vectors(long);
  const one = new Float32Array(long).fill(1 / 1024);
  const left = Array.from({ length: 21 }, (_, index) => vectors.add(index + 1, 'a', one));
  expect(left.filter((id) => id !== null)).toEqual([1, 2]);
});

test('of more than are compared at once the nearest is found, and one that left meanwhile is not told', async () => {
  const vectors = new Vectors(2);
  for (let index = 1; index <= 10_000; index += 1) {
    const angle = index / 10_000;
    vectors.add(index, 'a', Float32Array.of(Math.cos(angle), Math.sin(angle)));
  }
  const searching = vectors.nearest('a', Float32Array.of(1, 0), 2);
  vectors.drop(1);
  expect((await searching).map(({ id }) => id)).toEqual([2]);
  expect((await vectors.nearest('a', Float32Array.of(1, 0), 2)).map(({ id }) => id)).toEqual([2, 3]);
});
