import { describe, expect, test } from 'vitest';
import {
  afterUse,
  burstAt,
  type Demand,
  demandFrom,
  Forecast,
  type Habits,
  joined,
  noHabits,
  usualCounting,
} from '../../src/core/demand.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const start = 1e12;

/** Uses of files, each after so many ms; the state of all of them. */
function played(uses: Iterable<[file: string, after: number]>) {
  const files = new Map<string, Demand>();
  let habits: Habits = noHabits(start);
  let now = start;
  for (const [file, after] of uses) {
    now += after;
    const used = afterUse(files.get(file) ?? null, habits, now);
    files.set(file, used.demand);
    habits = used.habits;
  }
  const worth = (file: string, at = now) => new Forecast(habits, at).of(files.get(file) ?? demandFrom(0, at));
  return { files, habits, now, worth };
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);

test('uses within half an hour of the last wish are the same wish', () => {
  const burst = Array.from({ length: 29 }, (): [string, number] => ['a', minute]);
  expect(played([['a', 0], ...burst]).files.get('a')?.counts[0]).toBe(usualCounting.first);
  expect(played([['a', 0], ...burst, ['a', minute]]).files.get('a')?.counts[0]).toBeCloseTo(usualCounting.first + 1, 1);
});

test('runs of a file minutes apart are a burst, which fades in minutes; two loads of one run are none', () => {
  const { files, now } = played([
    ['a', 0],
    ['a', minute],
    ['a', minute],
    ['b', minute],
    ['b', 1000],
  ]);
  const [a, b] = [files.get('a'), files.get('b')];
  if (!a || !b) throw new Error('a file is missing');
  expect(burstAt(a, now)).toBeGreaterThan(1.5);
  expect(burstAt(a, now + 60 * minute)).toBeLessThan(0.05);
  expect(burstAt(b, now)).toBe(0);
});

test('where files come back after weeks, slow forgetting gains; where they are wanted for two days, fast forgetting', () => {
  // Forty files in turns, one in six hours; and files that are each used for two days and never again.
  const steady = Array.from({ length: 1200 }, (_, k): [string, number] => [`f${(k * 7) % 40}`, day / 4]);
  const passing = Array.from({ length: 1200 }, (_, k): [string, number] => [`f${Math.floor(k / 8)}-${k % 2}`, day / 4]);
  const slow = ({ shares }: Habits) => sum(shares.slice(3));
  expect(slow(played(steady).habits)).toBeGreaterThan(0.7);
  expect(slow(played(passing).habits)).toBeLessThan(0.3);
  expect(sum(played(steady).habits.shares)).toBeCloseTo(1, 9);
});

test('no half-life is lost for good: habits that change are learned within weeks', () => {
  const passing = Array.from({ length: 1200 }, (_, k): [string, number] => [`p${Math.floor(k / 8)}-${k % 2}`, day / 4]);
  const steady = Array.from({ length: 400 }, (_, k): [string, number] => [`f${(k * 7) % 40}`, day / 4]);
  expect(sum(played([...passing, ...steady]).habits.shares.slice(3))).toBeGreaterThan(0.6);
});

test('a file that was wanted more, or more lately, is worth more', () => {
  const { worth } = played([
    ['old', 0],
    ['often', day],
    ['often', day],
    ['late', day],
  ]);
  expect(worth('often')).toBeGreaterThan(worth('late'));
  expect(worth('late')).toBeGreaterThan(worth('old'));
  expect(worth('old')).toBeGreaterThan(worth('never'));
});

test('a clock that was set back lets nothing grow, and a wish that it left ahead does not stop the counting', () => {
  const { files, habits, worth, now } = played([
    ['a', 0],
    ['a', day],
  ]);
  const before = files.get('a');
  if (!before) throw new Error('a file is missing');
  expect(worth('a', now - 400 * day)).toBeLessThanOrEqual(worth('a'));
  const after = afterUse(before, habits, now - 400 * day);
  expect(after.demand.counts[0]).toBe((before.counts[0] ?? 0) + 1);
  expect(after.demand.wishedAt).toBe(now - 400 * day);
});

test('two files that turn out to be one have the wishes of both', () => {
  const one = demandFrom(2, start);
  const other = demandFrom(4, start - 32 * day);
  const both = joined(one, other);
  expect(both?.counts.at(-1)).toBeCloseTo(4, 9);
  expect(joined(other, one)).toEqual(both);
  expect(joined(null, one)).toBe(one);
});

describe('in a farm', () => {
  /** Thirty files in no order, one in six hours, of which all hosts together want some far more often. */
  function learned(wishes: (file: number) => number): number | undefined {
    const all = sum(Array.from({ length: 30 }, (_, file) => wishes(file)));
    const files = new Map<number, Demand>();
    let habits = noHabits(start);
    for (let k = 0; k < 300; k++) {
      const file = Math.floor(30 * ((k * 0.618034) % 1) ** 2);
      const used = afterUse(files.get(file) ?? null, habits, start + (k * day) / 4, { wishes: wishes(file), all, others: 2 });
      files.set(file, used.demand);
      habits = used.habits;
    }
    return habits.farmShare;
  }

  test('what all hosts want counts more where it foretells the wishes of this one, and less where it does not', () => {
    // As often as they are wanted here, and the other way round.
    expect(learned((file) => 100 / Math.sqrt(file + 1))).toBeGreaterThan(0.6);
    expect(learned((file) => 100 / Math.sqrt(30 - file))).toBeLessThan(0.2);
    expect(learned(() => 0)).toBeLessThan(0.05);
  });

  test('a file that the others want is expected more than one that nobody else wants', () => {
    const { demand, habits } = afterUse(null, noHabits(start), start);
    const forecast = new Forecast(habits, start, 20);
    expect(forecast.of(demand, 10)).toBeGreaterThan(forecast.of(demand, 0));
    expect(new Forecast(habits, start).of(demand)).toBeGreaterThan(forecast.of(demand, 0));
  });

  test('a first wish begins with the mean of the others on a new host, with none on one that wants as much, and never with a wild count', () => {
    const first = (own: number, wishes: number, all: number) => {
      const habits = { ...noHabits(start), totals: noHabits(start).totals.map(() => own) };
      return afterUse(null, habits, start, { wishes, all, others: 2 }).told;
    };
    expect(first(0, 3, 100)).toBe(1.5);
    expect(first(20, 3, 100)).toBeCloseTo(0.75, 9);
    expect(first(34, 3, 100)).toBe(0);
    expect(first(200, 3, 100)).toBe(0);
    expect(first(0, 1e12, 1e12)).toBe(100);
  });
});
