import { expect, test } from 'vitest';
import { nearest } from '../../src/runtime/nearest.ts';

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
