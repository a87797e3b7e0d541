import { expect, test } from 'vitest';
import { Codes } from '../../src/http/codes.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

test('a code is good once, and for a minute', () => {
  const clock = new ManualClock();
  const codes = new Codes(clock);
  const [early, late] = [codes.issue(), codes.issue()];
  expect(early).not.toBe(late);
  clock.advance(59_999);
  expect([codes.redeem(early), codes.redeem(early)]).toEqual([true, false]);
  clock.advance(1);
  expect(codes.redeem(late)).toBe(false);
  expect(codes.redeem('never issued')).toBe(false);
});

test('only the latest hundred are kept', () => {
  const codes = new Codes(new ManualClock());
  const issued = Array.from({ length: 101 }, () => codes.issue());
  expect(issued.map((code) => codes.redeem(code)).filter((good) => !good)).toHaveLength(1);
  const again = Array.from({ length: 101 }, () => codes.issue());
  expect(codes.redeem(again[0] ?? '')).toBe(false);
});
