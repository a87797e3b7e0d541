import type { Policy } from './policy.ts';

/** Least recently used leaves first. */
export const lru: Policy = {
  name: 'lru',
  score: ({ entry }) => entry.lastUse,
  admit: () => true,
};
