import { type Policy, risingWith } from './policy.ts';

/** Least recently used leaves first. */
export const lru: Policy = {
  name: 'lru',
  score: ({ entry }) => entry.lastUse,
  order: risingWith(
    ({ entry }) => [entry.lastUse],
    () => (keys, from) => keys[from] ?? 0,
  ),
  admit: () => true,
};
