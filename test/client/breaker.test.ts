import { expect, test } from 'vitest';
import { Breaker } from '../../src/client/breaker.ts';

function breakerAt() {
  let now = 1000;
  const breaker = new Breaker({ now: () => 0, monotonic: () => now });
  return {
    breaker,
    pass: (ms: number) => {
      now += ms;
    },
    fail: (why: 'late' | 'broken' = 'broken') => {
      const started = breaker.enter();
      if (started === null) throw new Error('it does not let this attempt through');
      breaker.failed(started, why);
    },
  };
}

test('lets everything through while nothing fails', () => {
  const { breaker } = breakerAt();
  expect([breaker.enter(), breaker.enter()]).toEqual([1000, 1000]);
});

test('a dead daemon is asked after 2, 4, 8, 16 and then every 30 seconds', () => {
  const { breaker, pass, fail } = breakerAt();
  fail();
  for (const pause of [2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    pass(pause - 1);
    expect(breaker.enter()).toBeNull();
    pass(1);
    fail();
  }
});

test('after a pause one attempt goes first, the others wait for how it ends', () => {
  const { breaker, pass, fail } = breakerAt();
  fail();
  pass(2_000);
  expect(breaker.enter()).not.toBeNull();
  expect(breaker.enter()).toBeNull();
  breaker.reset();
  expect(breaker.enter()).not.toBeNull();
});

test('ten lookups that fail at once are one failure, not a pause of half a minute', () => {
  const { breaker, pass } = breakerAt();
  const starts = Array.from({ length: 10 }, () => breaker.enter() ?? 0);
  pass(250);
  for (const started of starts) breaker.failed(started, 'broken');
  pass(2_000);
  expect(breaker.enter()).not.toBeNull();
});

test('the last failure of the old daemon does not count against the new one', () => {
  const { breaker, pass } = breakerAt();
  const started = breaker.enter() ?? 0;
  pass(100);
  breaker.reset();
  pass(100);
  breaker.failed(started, 'broken');
  expect(breaker.enter()).not.toBeNull();
});

test('a daemon that is late on a busy machine is asked after 1, 2, 4, 8 and then every 10 seconds', () => {
  const { breaker, pass, fail } = breakerAt();
  fail('late');
  for (const pause of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    pass(pause - 1);
    expect(breaker.enter()).toBeNull();
    pass(1);
    fail('late');
  }
});

test('each late answer gives the next ones twice as long, up to 2 s, until a minute has passed without any', () => {
  const { breaker, pass, fail } = breakerAt();
  const given = [breaker.patience(250)];
  for (const pause of [1_000, 2_000, 4_000, 8_000]) {
    fail('late');
    pass(pause);
    given.push(breaker.patience(250));
  }
  expect(given).toEqual([250, 500, 1_000, 2_000, 2_000]);
  // What may take longer by itself is not cut.
  expect(breaker.patience(30_000)).toBe(30_000);
  breaker.reset();
  expect(breaker.patience(250)).toBe(2_000);
  pass(60_000);
  expect(breaker.patience(250)).toBe(250);
});

test('connections that fail give answers no more time', () => {
  const { breaker, pass, fail } = breakerAt();
  fail();
  pass(2_000);
  fail();
  expect(breaker.patience(250)).toBe(250);
});
