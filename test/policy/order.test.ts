import { expect, test } from 'vitest';
import { lfu } from '../../src/policy/lfu.ts';
import { lru } from '../../src/policy/lru.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { candidateWith } from './candidate.ts';

/** The order in which these files leave: `uses@lastUse`. */
function leaving(policy: Policy, files: string[]): string[] {
  const score = (file: string) => {
    const [uses = 0, lastUse = 0] = file.split('@').map(Number);
    return policy.score(candidateWith({ uses, lastUse, votes: uses, votedAt: lastUse }, 1), 100);
  };
  return [...files].sort((a, b) => score(a) - score(b));
}

const files = ['50@10', '1@99', '0@0', '7@60', '7@20'];

test('LRU goes by the last use alone', () => {
  expect(leaving(lru, files)).toEqual(['0@0', '50@10', '7@20', '7@60', '1@99']);
});

test('LFU goes by the number of uses, then by the last one', () => {
  expect(leaving(lfu, files)).toEqual(['0@0', '1@99', '7@20', '7@60', '50@10']);
});
