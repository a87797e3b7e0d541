import fc from 'fast-check';
import { expect, test } from 'vitest';
import { squarify } from '../../../src/http/dashboard/treemap.js';

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 30 });

test('each part has its share of the area, lies inside, and covers no other', () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 50, max: 2000 }), fc.integer({ min: 50, max: 500 }), (unsorted, width, height) => {
      const values = unsorted.toSorted((a, b) => b - a);
      const places = squarify(values, width, height) as Place[];
      const total = values.reduce((sum, value) => sum + value, 0);
      for (const [index, place] of places.entries()) {
        expect(place.width * place.height).toBeCloseTo(((values[index] ?? 0) / total) * width * height, 3);
        expect(Math.min(place.x, place.y)).toBeGreaterThanOrEqual(-1e-6);
        expect(place.x + place.width).toBeLessThanOrEqual(width + 1e-6);
        expect(place.y + place.height).toBeLessThanOrEqual(height + 1e-6);
        for (const other of places.slice(0, index)) {
          const wide = Math.min(place.x + place.width, other.x + other.width) - Math.max(place.x, other.x);
          const high = Math.min(place.y + place.height, other.y + other.height) - Math.max(place.y, other.y);
          expect(Math.min(wide, high)).toBeLessThanOrEqual(1e-6);
        }
      }
    }),
  );
});

test('parts are near to squares, not stripes', () => {
  const places = squarify([6, 6, 4, 3, 2, 2, 1], 600, 400) as Place[];
  expect(Math.max(...places.map(({ width, height }) => Math.max(width / height, height / width)))).toBeLessThan(4);
});
