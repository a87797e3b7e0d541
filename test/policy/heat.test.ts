import { describe, expect, test } from 'vitest';
import { heat } from '../../src/policy/heat.ts';
import type { Candidate } from '../../src/policy/policy.ts';
import { candidateWith } from './candidate.ts';
import { policyContract } from './policy.contract.ts';

policyContract(heat);

const day = 24 * 3600 * 1000;
const now = 100 * day;
/** Seconds that a byte takes longer from the source, by root. */
const slowness: Record<string, number> = { '/hdd': 6e-9, '/fast': 5e-10 };
const policy = heat({ now: () => now, secondsPerByte: ({ root }) => slowness[root] ?? 0 });

function file(votes: number, daysAgo: number, { root = '/hdd', bytes = 1000 } = {}): Candidate {
  return candidateWith({ path: `${root}/a`, root, uses: 1, lastUse: 1, votes, votedAt: now - daysAgo * day }, bytes);
}
const worth = (candidate: Candidate) => policy.score(candidate, 1);

test('half of what a file was wanted counts after four days', () => {
  expect(worth(file(8, 4))).toBeCloseTo(worth(file(4, 0)), 15);
  expect(worth(file(8, 8))).toBeCloseTo(worth(file(2, 0)), 15);
});

test('of two files that are wanted equally, the one of the slower source stays', () => {
  expect(worth(file(3, 1, { root: '/fast' }))).toBeLessThan(worth(file(3, 1)));
});

test('a file read once does not displace one that is read again and again', () => {
  expect(policy.admit(file(1, 0), [file(20, 3)], 1)).toBe(false);
  expect(policy.admit(file(20, 0), [file(1, 3)], 1)).toBe(true);
});

test('what leaves counts with all its bytes: a large file for a small one is no gain', () => {
  expect(policy.admit(file(2, 0, { bytes: 100 }), [file(1, 0, { bytes: 1000 })], 1)).toBe(false);
  expect(policy.admit(file(2, 0, { bytes: 1000 }), [file(1, 0, { bytes: 1000 })], 1)).toBe(true);
});

describe('for a file that was never loaded', () => {
  const facts = { now: () => now, secondsPerByte: () => 6e-9 };
  const mine = { ...file(0, 0), entry: { ...file(0, 0).entry, path: '/hdd/new', votedAt: null } };
  const isNew = (path: string) => Number(path === mine.entry.path);
  const displaced = (policy: ReturnType<typeof heat>) =>
    [0.5, 2, 50].filter((votes) => policy.admit(mine, [file(votes, 0)], 1));

  test('a copy that comes in time for a prompt is worth what is in use; one that comes too late counts as one wish', () => {
    expect(displaced(heat(facts))).toEqual([]);
    expect(displaced(heat({ ...facts, expected: isNew }))).toEqual([0.5, 2, 50]);
    expect(displaced(heat({ ...facts, expected: isNew, expectedLater: isNew }))).toEqual([0.5, 2, 50]);
    expect(displaced(heat({ ...facts, expected: isNew, expectedLater: () => 0 }))).toEqual([0.5]);
    const { expects } = heat({ ...facts, expected: (path) => Number(path === '/queued') });
    expect(['/queued', '/asked'].map((path) => expects?.(path))).toEqual([true, false]);
  });

  test('what is foreseen displaces what is hardly wanted, and not what is in use', () => {
    expect(displaced(heat({ ...facts, foreseen: (path) => 0.9 * isNew(path) }))).toEqual([0.5, 2]);
    expect(displaced(heat({ ...facts, foreseen: (path) => 0.4 * isNew(path) }))).toEqual([0.5]);
  });
});
