import { type Policy, risingWith } from './policy.ts';

/**
 * Least frequently used leaves first; among equals the one used longest ago. Uses count from the first day on, cached or not, so
 * that a file which has just come back is not the next to leave.
 */
export const lfu: Policy = {
  name: 'lfu',
  // Recency is squeezed below 1, so that it orders only files with equally many uses.
  score: ({ entry }, tick) => entry.uses + entry.lastUse / (tick + 1),
  order: risingWith(
    ({ entry }) => [entry.uses, entry.lastUse],
    (tick) => (keys, from) => (keys[from] ?? 0) + (keys[from + 1] ?? 0) / (tick + 1),
  ),
  admit: () => true,
};
