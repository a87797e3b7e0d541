import { expect, test } from 'vitest';
import { Pace } from '../../../src/sources/drivers/remote/pace.ts';

/** A link that gives each request so much, up to its whole, for a while. Returns the limits at the ends of the windows. */
async function over(seconds: number, perRequest: number, whole: number) {
  let now = 0;
  const pace = new Pace(() => now);
  const limits: number[] = [];
  const turns: (() => void)[] = [];
  const fill = async () => {
    while (turns.length < pace.limit) turns.push(await pace.turn());
  };
  const until = async (end: number) => {
    for (; now < end; now += 100) {
      await fill();
      pace.received((Math.min(whole, turns.length * perRequest) * 100) / 1000);
      if (now % 2000 === 0) limits.push(pace.limit);
    }
  };
  await until(1000 * seconds);
  return { pace, limits, at: (ms: number) => until(ms), now: () => now };
}

test('more requests are made while each brings more, up to 64', async () => {
  const { pace, limits } = await over(60, 10e6, 1e12);
  expect([limits[0], pace.limit]).toEqual([8, 64]);
});

test('where more bring nothing, it goes back to what sufficed', async () => {
  const { pace } = await over(60, 12.5e6, 50e6);
  expect(pace.limit).toBeLessThanOrEqual(9);
  expect(pace.limit).toBeGreaterThanOrEqual(4);
});

test('it is halved at once when fewer are asked for, once for a moment, and never below 4', async () => {
  const { pace, at, now } = await over(60, 10e6, 1e12);
  pace.slowDown();
  pace.slowDown();
  expect(pace.limit).toBe(32);
  const from = now();
  for (let moment = 1; moment <= 6; moment += 1) {
    await at(from + moment * 1100);
    pace.slowDown();
  }
  expect(pace.limit).toBe(4);
});

test('a request waits until one of those under way has ended', async () => {
  const pace = new Pace(() => 0);
  const turns = await Promise.all(Array.from({ length: 8 }, () => pace.turn()));
  let began = false;
  const ninth = pace.turn().then(() => {
    began = true;
  });
  await new Promise(setImmediate);
  expect(began).toBe(false);
  turns[0]?.();
  turns[0]?.();
  await ninth;
  let tenth = false;
  void pace.turn().then(() => {
    tenth = true;
  });
  await new Promise(setImmediate);
  expect(tenth).toBe(false);
});
