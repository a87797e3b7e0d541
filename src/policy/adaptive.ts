import { type Policy, type PolicyContext, risingWith } from './policy.ts';

const dayMs = 24 * 3600 * 1000;
/** Number of uses at which frequency counts half of its weight. */
const someUses = 4;

/**
 * Weighs age against frequency, 7 to 3: the least recently and least often used file leaves first. Both approach 1 without
 * reaching it, so that neither a very old file nor a very busy one decides alone.
 */
export function adaptive({ now }: PolicyContext): Policy {
  const worth = (uses: number, votedAt: number, at: number) =>
    0.3 * share(uses, someUses) - 0.7 * share(Math.max(0, at - votedAt), dayMs);
  return {
    name: 'adaptive',
    score: ({ entry: { uses, votedAt } }) => worth(uses, votedAt ?? never, now()),
    order: risingWith(
      ({ entry: { uses, votedAt } }) => [uses, votedAt ?? never],
      () => {
        const at = now();
        return (keys, from) => worth(keys[from] ?? 0, keys[from + 1] ?? never, at);
      },
    ),
    admit: () => true,
  };
}

/** A time whose age counts as 1. */
const never = -Number.MAX_VALUE;

/** 0 for 0, 0.5 for `half`, nearly 1 for much. */
function share(amount: number, half: number): number {
  return amount / (amount + half);
}
