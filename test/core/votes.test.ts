import { expect, test } from 'vitest';
import { noVotes, votesAt, withUse } from '../../src/core/votes.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const start = 1e12;

test('a file that nobody ever wanted has none', () => {
  expect(votesAt(noVotes, start)).toBe(0);
});

test('uses within ten minutes of the last counted one are one wish, however many they are', () => {
  let votes = withUse(noVotes, start);
  for (let k = 1; k < 10; k++) votes = withUse(votes, start + k * minute);
  expect(votes).toEqual({ votes: 1, votedAt: start });
  expect(withUse(votes, start + 10 * minute).votes).toBeCloseTo(2, 2);
});

test('a file in use all day gets a vote every ten minutes', () => {
  let votes = noVotes;
  for (let k = 0; k < 60; k++) votes = withUse(votes, start + k * minute);
  expect(votes.votes).toBeCloseTo(6, 1);
});

test('half of them is left after four days', () => {
  const votes = withUse(noVotes, start);
  expect(votesAt(votes, start + 4 * day)).toBeCloseTo(0.5, 10);
  expect(withUse(votes, start + 4 * day).votes).toBeCloseTo(1.5, 10);
});

test('a clock that was set back makes nothing grow, and does not stop the counting', () => {
  const votes = withUse(noVotes, start);
  expect(votesAt(votes, start - 400 * day)).toBe(1);
  expect(withUse(votes, start - 400 * day)).toEqual({ votes: 2, votedAt: start - 400 * day });
});
