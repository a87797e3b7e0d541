import { expect, test } from 'vitest';
import { isShort, mayBeCompressed } from '../../src/policy/demotion.ts';

const fill = { limit: 1000, used: 700, cold: 300 };

test('room is short when it would not hold two more copies of that size', () => {
  expect(isShort(150, fill)).toBe(false);
  expect(isShort(151, fill)).toBe(true);
});

test('compressed copies take half of the limit at most', () => {
  expect(mayBeCompressed(120, 100, { ...fill, cold: 400 })).toBe(true);
  expect(mayBeCompressed(120, 101, { ...fill, cold: 400 })).toBe(false);
});

test('a copy of which fewer than eight fill the limit is not compressed', () => {
  expect(mayBeCompressed(125, 100, fill)).toBe(true);
  expect(mayBeCompressed(126, 100, fill)).toBe(false);
});
