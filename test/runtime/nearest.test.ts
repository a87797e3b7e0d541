import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest, nearestWithin } from '../../src/runtime/nearest.ts';
import { cpuTimeOf } from '../helpers/cpu-time.ts';

const known = ['LIMIT', 'MODE', 'MIN_SIZE', 'MAX_SIZE', 'MIN_FREE', 'ROOTS'];

test.each([
  ['LIMT', 'LIMIT'],
  ['LIIMIT', 'LIMIT'],
  ['LIMOT', 'LIMIT'],
  ['MDOE', 'MODE'],
  ['MINSIZE', 'MIN_SIZE'],
  ['MAXSIZE', 'MAX_SIZE'],
  ['FREE', 'MIN_FREE'],
  ['ROOT', 'ROOTS'],
  ['SIZE', 'MIN_SIZE'],
])('a slip of the finger, "%s", is led to %s', (typed, meant) => {
  expect(nearest(typed, known)).toBe(meant);
});

test('a swap of neighbours is one slip, not two', () => {
  expect(nearest('abcd', ['axyd', 'abdc'])).toBe('abdc');
  expect(nearest('ab', ['xb', 'ba'])).toBe('xb');
});

test('there is no nearest word of none', () => {
  expect(() => nearest('a', [])).toThrow(RangeError);
});

test('a mistyped name in a library of 20,000 long names kept the daemon busy for half a minute', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `${index}_${'style_of_many_words_'.repeat(9)}v${index % 7}`);
  const spent = cpuTimeOf(() => {
    expect(nearestWithin(`1234_${'style_of_mony_wurds_'.repeat(9)}v2`, names, 0.4)).toBe(names[1234]);
  });
  const once = cpuTimeOf(() => names.map((name) => [...name].sort().join('')));
  expect(spent).toBeLessThan(10 * once);
});

test('a word of a million letters is compared by its beginning', () => {
  expect(nearest('LIMT'.padEnd(1_000_000, 'x'), ['MODE', 'LIMIT'])).toBe('LIMIT');
  expect(nearestWithin('LIMT'.padEnd(1_000_000, 'x'), known, 0.4)).toBeNull();
});

test('it is the nearest of all, and of equals the first, as a comparison with each one tells', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '_'), maxLength: 8 });
  fc.assert(
    fc.property(word, fc.array(word, { minLength: 1, maxLength: 12 }), fc.constantFrom(0.2, 0.5, 1), (typed, names, most) => {
      const distances = names.map((name) => editsOf(typed, name) / Math.max(typed.length, name.length, 1));
      const least = Math.min(...distances);
      expect(nearestWithin(typed, names, most)).toBe(least <= most ? names[distances.indexOf(least)] : null);
    }),
    { numRuns: 3000 },
  );
});

/** Optimal string alignment by its definition. */
function editsOf(a: string, b: string): number {
  const known = new Map<string, number>();
  const from = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j;
    const key = `${i},${j}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
    const found = Math.min(
      from(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      from(i - 1, j) + 1,
      from(i, j - 1) + 1,
      swapped ? from(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
    );
    known.set(key, found);
    return found;
  };
  return from(a.length, b.length);
}
