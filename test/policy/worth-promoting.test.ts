import { describe, expect, test } from 'vitest';
import { lfu } from '../../src/policy/lfu.ts';
import { lru } from '../../src/policy/lru.ts';
import type { Candidate } from '../../src/policy/policy.ts';
import { isWorthPromoting } from '../../src/policy/worth-promoting.ts';
import { candidateWith } from './candidate.ts';

const file = (uses: number, lastUse: number, bytes = 10) =>
  candidateWith({ uses, lastUse, votes: uses, votedAt: lastUse }, bytes);
const tick = 100;

describe.each([lru, lfu])('by $name', (policy) => {
  const judge = (before: Candidate, room: number, residents: Candidate[] = []) =>
    isWorthPromoting(before, { room, residents }, policy, tick);

  test('a file enters free room at its second use', () => {
    expect(judge(file(0, 0), 1000)).toBe(false);
    expect(judge(file(1, 5), 1000)).toBe(true);
  });

  test('one that is larger than all there could be does not', () => {
    expect(judge(file(50, 90, 100), 20, [file(1, 1, 70)])).toBe(false);
  });

  test('what is worth less leaves for it, and only if all of that is', () => {
    const [poor, rich] = [file(2, 20), file(60, 60)];
    expect(judge(file(50, 50), 0, [rich, poor])).toBe(true);
    expect(judge(file(50, 50, 20), 0, [rich, poor])).toBe(false);
    expect(judge(file(50, 50, 20), 10, [rich, poor])).toBe(true);
    expect(judge(file(1, 10), 0, [rich, poor])).toBe(false);
  });

  test('too much taken already counts against it', () => {
    expect(judge(file(50, 50), -10, [file(2, 20)])).toBe(false);
    expect(judge(file(50, 50), -10, [file(2, 20), file(2, 21)])).toBe(true);
  });

  test('three files used in turns, with room for two, do not push each other out', () => {
    const files = [0, 1, 2].map(() => ({ uses: 0, lastUse: 0 }));
    let inside: number[] = [];
    let [moves, hits] = [0, 0];
    for (let now = 1; now <= 300; now += 1) {
      const index = now % 3;
      const used = files[index] ?? { uses: 0, lastUse: 0 };
      const candidate = (one: number) => file(files[one]?.uses ?? 0, files[one]?.lastUse ?? 0);
      const place = { room: 20 - inside.length * 10, residents: inside.map(candidate) };
      if (inside.includes(index)) hits += 1;
      else if (isWorthPromoting(candidate(index), place, policy, now)) {
        moves += 1;
        if (inside.length === 2)
          inside = inside.toSorted((a, b) => (files[a]?.lastUse ?? 0) - (files[b]?.lastUse ?? 0)).slice(1);
        inside.push(index);
      }
      used.uses += 1;
      used.lastUse = now;
    }
    expect(moves).toBeLessThanOrEqual(3);
    expect(hits).toBeGreaterThan(180);
  });
});

test('by LRU, one that is used twice since another one was used takes its place', () => {
  const [old, now] = [file(40, 60), file(1, 61)];
  expect(isWorthPromoting(now, { room: 0, residents: [old] }, lru, tick)).toBe(true);
  expect(isWorthPromoting(file(1, 59), { room: 0, residents: [old] }, lru, tick)).toBe(false);
});
