import { expect, test } from 'vitest';
import { throttle } from '../../src/runtime/throttle.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

test('the first call passes, then one in each period', () => {
  const clock = new ManualClock();
  const passed: number[] = [];
  const call = throttle(250, clock, (value: number) => void passed.push(value));
  for (let value = 0; value < 10; value++) {
    call(value);
    clock.advance(100);
  }
  expect(passed).toEqual([0, 3, 6, 9]);
});
