import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inStep, join, type Pieces } from '../../src/codec/segments.ts';

/** The same elements, cut at these places. */
function cutAt(plane: Uint8Array, places: number[]): Pieces {
  const cuts = [0, ...places.map((place) => place % (plane.length + 1)).sort((a, b) => a - b), plane.length];
  return cuts.slice(1).map((end, k) => plane.slice(cuts[k], end));
}

const cuts = fc.array(fc.nat(100), { maxLength: 5 });

test('planes cut anywhere are walked through from the first element to the last', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(cuts, { minLength: 1, maxLength: 4 }), (plane, places) => {
      const planes = places.map((list) => cutAt(plane, list));
      let next = 0;
      for (const { begin, count, addresses } of inStep(planes)) {
        expect([begin, addresses.length]).toEqual([next, planes.length]);
        next += count;
      }
      expect(next).toBe(plane.length);
    }),
  );
});

test('an address is that of the element in its own piece', () => {
  const block = new Uint8Array(100);
  const planes = [
    [block.subarray(10, 16), block.subarray(20, 24)],
    [block.subarray(50, 53), block.subarray(60, 67)],
  ];
  expect([...inStep(planes)]).toEqual([
    { begin: 0, count: 3, addresses: [10, 50] },
    { begin: 3, count: 3, addresses: [13, 60] },
    { begin: 6, count: 4, addresses: [20, 63] },
  ]);
});

test('joined pieces are one again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), cuts, (plane, places) => {
      const target = new Uint8Array(plane.length);
      join(cutAt(plane, places), target);
      expect(target).toEqual(plane);
    }),
  );
});
