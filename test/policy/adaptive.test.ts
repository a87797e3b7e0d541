import { expect, test } from 'vitest';
import { adaptive } from '../../src/policy/adaptive.ts';
import { candidateWith } from './candidate.ts';
import { policyContract } from './policy.contract.ts';

policyContract(adaptive);

const day = 24 * 3600 * 1000;
const now = 100 * day;
const policy = adaptive({ now: () => now, secondsPerByte: () => 1e-9 });

function score(uses: number, daysAgo: number | null): number {
  const votedAt = daysAgo === null ? null : now - daysAgo * day;
  return policy.score(candidateWith({ uses, lastUse: 1, votes: uses, votedAt }, 1), 1);
}

test('age weighs 7 and frequency 3: after a day, and after four uses, each has half of its weight', () => {
  expect(score(4, 1)).toBeCloseTo(0.3 * 0.5 - 0.7 * 0.5, 12);
  expect(score(0, null)).toBe(-0.7);
});

test('a file that was used often outlasts one that was used once, unless it is much older', () => {
  expect(score(12, 1)).toBeGreaterThan(score(1, 0.5));
  expect(score(12, 10)).toBeLessThan(score(1, 0.5));
});

test('a clock that was set back does not make a file older', () => {
  expect(score(4, -5)).toBe(score(4, 0));
});
