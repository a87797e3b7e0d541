import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterUse, type Habits, noHabits } from '../../src/core/demand.ts';
import { type FarmWishes, farmCountsOf, sumOf } from '../../src/core/farm-wishes.ts';
import { halfLifeMs, lastingSum, noVotes, withUse } from '../../src/core/votes.ts';
import { OrderedIndex } from '../../src/policy/ordered-index.ts';
import { policies } from '../../src/policy/policies.ts';
import type { Candidate } from '../../src/policy/policy.ts';

const day = 24 * 3600 * 1000;
type Entry = Candidate['entry'];

/**
 * What happens to one of some files: a use, an eviction, a new copy; or the clock is set, a disk measured, prompts queued, wishes of
 * other hosts heard, an empty Redis heard of.
 */
const step = fc.record({
  file: fc.nat(299),
  does: fc.constantFrom('use', 'use', 'use', 'use', 'leave', 'come', 'clock', 'speed', 'queue', 'farm', 'flush'),
  after: fc.oneof(fc.nat(60_000), fc.nat(3 * day), fc.nat(60 * day)),
  amount: fc.integer({ min: 0, max: 20 }),
});
const names = fc.constantFrom(...(Object.keys(policies) as (keyof typeof policies)[]));

test('the order is that of computing all scores, whatever was used, measured, or queued, and though the clock goes back', () => {
  let [longest, looked] = [0, 0];
  fc.assert(
    fc.property(names, fc.array(step, { minLength: 100, maxLength: 400 }), (name, steps) => {
      let [now, tick, habits] = [1.7e12, 0, null as Habits | null];
      const speeds = [1e-8, 1e-9, 6e-9];
      const queued = new Map<string, number>();
      const files = new Map<number, Entry>();
      const orders = new Map<string, number>();
      let heard: FarmWishes | null = null;
      const hear = (more: number) => {
        const of = ({ path }: Pick<Entry, 'path'>) => orders.get(path) ?? Number.NEGATIVE_INFINITY;
        heard = { of, all: sumOf(orders.values()), others: 2, era: (heard?.era ?? 0) + more };
      };
      const policy = policies[name]({
        now: () => now,
        secondsPerByte: ({ root }) => speeds[Number(root)] ?? 0,
        pace: ({ root }) => root,
        habits: () => habits,
        farm: () => heard,
        expected: (path) => queued.get(path) ?? 0,
      });
      let index = new OrderedIndex<number>(policy.order);
      const put = (file: number, entry: Entry) => index.put(file, { entry, bytes: 1 }, file);
      for (const { file, does, after, amount } of steps) {
        if (does === 'leave') files.delete(file);
        if (does === 'leave') index.delete(file);
        if (does === 'clock') now -= after;
        if (does === 'speed') speeds[amount % 3] = amount * 1e-9;
        if (does === 'queue') queued.set(`f${file}`, amount % 3);
        if (does === 'farm') {
          const wishes = Math.log2(1 + amount) + now / halfLifeMs;
          for (let k = 0; k < 100; k++) {
            const path = `f${(file + k * k) % 300}`;
            orders.set(path, lastingSum(orders.get(path) ?? Number.NEGATIVE_INFINITY, wishes));
          }
          hear(0);
        }
        if (does === 'flush') {
          orders.clear();
          hear(1);
        }
        if (does !== 'use' && does !== 'come') continue;
        const before = files.get(file) ?? {
          path: `f${file}`,
          root: `${file % 3}`,
          rel: 'a',
          category: null,
          uses: 0,
          lastUse: 0,
          ...noVotes,
          fingerprint: { size: 1, mtimeNs: '1', ino: null },
        };
        let entry = before;
        if (does === 'use') {
          now += after;
          tick += 1;
          const inFarm = farmCountsOf(heard, before, now);
          const { demand, habits: learned } = afterUse(before.demand ?? null, habits ?? noHabits(now), now, inFarm);
          habits = learned;
          entry = { ...before, ...withUse(before, now), demand, uses: before.uses + 1, lastUse: tick };
        }
        files.set(file, entry);
        put(file, entry);
      }
      if (!index.isOf(policy.order)) {
        index = new OrderedIndex(policy.order);
        for (const [file, entry] of files) put(file, entry);
      }
      const scoreOf = (file: number) => policy.score({ entry: files.get(file) as Entry, bytes: 1 }, tick);
      const all = [...files.keys()].map((file) => ({ item: file, score: scoreOf(file) }));
      all.sort((a, b) => a.score - b.score || a.item - b.item);
      expect([...index.ascending(tick, scoreOf)]).toEqual(all);
      let computed = 0;
      const counted = (file: number) => {
        computed += 1;
        return scoreOf(file);
      };
      index.ascending(tick, counted).next();
      longest += all.length;
      looked += computed;
    }),
    { numRuns: 150 },
  );
  // Queued files have low bounds and high scores, so a few more than one are looked at.
  expect(looked).toBeLessThan(longest / 3);
});

test.each([false, true])('the first of ten thousand is found by computing the scores of a few; in a farm: %s', (inFarm) => {
  const now = 1e12;
  let [habits, computed] = [noHabits(now), 0];
  const orders = new Map(
    Array.from({ length: 10_000 }, (_, k) => [`f${k}`, (now + 400 * day) / halfLifeMs - ((k * 104_729) % 20)]),
  );
  const heard = {
    of: ({ path }: Pick<Entry, 'path'>) => orders.get(path) ?? 0,
    all: sumOf(orders.values()),
    others: 3,
    era: 0,
  };
  const policy = policies.heat({
    now: () => now + 400 * day,
    secondsPerByte: () => 1e-8,
    pace: () => '',
    habits: () => habits,
    farm: () => (inFarm ? heard : null),
  });
  const files: Entry[] = [];
  for (let k = 0; k < 10_000; k++) {
    let demand = null;
    const at = now + ((k * 7919) % 10_000) * 0.04 * day;
    for (let wish = 0; wish <= k % 5; wish++) ({ demand, habits } = afterUse(demand, habits, at + wish * (k % 7) * day));
    const fingerprint = { size: 1, mtimeNs: '1', ino: null };
    files.push({
      path: `f${k}`,
      root: '',
      rel: 'a',
      category: null,
      uses: 1,
      lastUse: k,
      votes: 1,
      votedAt: at,
      demand,
      fingerprint,
    });
  }
  const index = new OrderedIndex<number>(policy.order);
  for (const [k, entry] of files.entries()) index.put(k, { entry, bytes: 1 }, k);
  const scoreOf = (k: number) => policy.score({ entry: files[k] as Entry, bytes: 1 }, 1);
  const counted = (k: number) => {
    computed += 1;
    return scoreOf(k);
  };
  const found = [...take(index.ascending(1, counted), 20)].map(({ item }) => item);
  const all = files.map((_, k) => k).sort((a, b) => scoreOf(a) - scoreOf(b) || a - b);
  expect(found).toEqual(all.slice(0, 20));
  expect(computed).toBeLessThan(50);
});

test('wishes of a farm that are heard later change the order, not the index; one that hears of fewer is made anew', () => {
  const now = 1e12;
  const { demand, habits } = afterUse(null, noHabits(now), now);
  let heard: FarmWishes | null = null;
  const hear = (era: number, wishes: Record<string, number>) => {
    const order = (count = 0) => Math.log2(count) + now / halfLifeMs;
    heard = { of: ({ path }) => order(wishes[path]), all: order(20), others: 2, era };
  };
  const policy = policies.heat({
    now: () => now,
    secondsPerByte: () => 1e-8,
    pace: () => '',
    habits: () => habits,
    farm: () => heard,
  });
  const entry = (path: string): Entry => {
    const fingerprint = { size: 1, mtimeNs: '1', ino: null };
    return { path, root: '', rel: path, category: null, uses: 1, lastUse: 1, votes: 1, votedAt: now, demand, fingerprint };
  };
  const indexed = () => {
    const index = new OrderedIndex<string>(policy.order);
    for (const [k, path] of ['a', 'b', 'c'].entries()) index.put(path, { entry: entry(path), bytes: 1 }, k);
    return index;
  };
  const inOrder = (index: OrderedIndex<string>) =>
    [...index.ascending(1, (path) => policy.score({ entry: entry(path), bytes: 1 }, 1))].map(({ item }) => item);
  hear(1, { a: 9, b: 5, c: 1 });
  const index = indexed();
  expect(inOrder(index)).toEqual(['c', 'b', 'a']);
  hear(1, { a: 9, b: 12, c: 10 });
  expect(index.isOf(policy.order)).toBe(true);
  expect(inOrder(index)).toEqual(['a', 'c', 'b']);
  hear(2, { b: 2 });
  expect(index.isOf(policy.order)).toBe(false);
  expect(inOrder(indexed())).toEqual(['a', 'c', 'b']);
});

function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  let left = most;
  for (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}
