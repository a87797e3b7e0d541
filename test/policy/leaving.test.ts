import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Leaver, leaving, lossOf } from '../../src/policy/leaving.ts';
import { MinHeap } from '../../src/policy/min-heap.ts';

const named = (files: Record<string, [bytes: number, score: number]>) =>
  Object.entries(files).map(([name, [bytes, score]]) => ({ name, bytes, score }));
const names = (leavers: { name: string }[]) => leavers.map(({ name }) => name).join('');
const leavers = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 50 }), score: fc.nat(20), given: fc.boolean() }), {
  maxLength: 30,
});
const inOrder = (all: Leaver[]) =>
  [...all].sort((a, b) => Number(a.given ?? false) - Number(b.given ?? false) || a.score - b.score);

test('a large file does not leave for a small one if a few small ones are enough', () => {
  const all = named({ a: [1, 1], b: [1000, 2], c: [2, 3], d: [5, 4] });
  expect(names(leaving(all, 3, false))).toBe('ab');
  expect(names(leaving(all, 3, true))).toBe('ac');
});

test('takes no more from the order than it needs', () => {
  let taken = 0;
  function* counted() {
    for (let k = 0; k < 10_000; k++) {
      taken += 1;
      yield { bytes: 10, score: k };
    }
  }
  leaving(counted(), 25, true);
  expect(taken).toBeLessThan(8);
});

test('whatever there is, enough leave or all do, never less is lost strictly by score, and given ones only as a last resort', () => {
  fc.assert(
    fc.property(leavers, fc.integer({ min: 1, max: 400 }), (all, short) => {
      const [plain, packed] = [false, true].map((how) => leaving(inOrder(all), short, how)) as [Leaver[], Leaver[]];
      const freed = (of: Leaver[]) => of.reduce((sum, { bytes }) => sum + bytes, 0);
      const isEnough = freed(all) >= short;
      for (const of of [plain, packed]) {
        expect(freed(of) >= short || of.length === all.length).toBe(true);
        expect(new Set(of).size).toBe(of.length);
      }
      if (isEnough) expect(lossOf(packed, short)).toBeLessThanOrEqual(lossOf(plain, short));
      const kept = freed(all.filter(({ given }) => !given));
      if (kept >= short) expect([...plain, ...packed].some(({ given }) => given)).toBe(false);
    }),
  );
});

test('the lazy order is the one of a sort', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (scores) => {
      const items = scores.map((score, tie) => ({ score, tie }));
      const sorted = [...items].sort((a, b) => a.score - b.score || a.tie - b.tie);
      const heap = new MinHeap<{ score: number; tie: number }>();
      for (const item of items) heap.push(item);
      expect(items.map(() => heap.pop())).toEqual(sorted);
    }),
  );
});
