import type { Policy, PolicyContext } from './policy.ts';

const dayMs = 24 * 3600 * 1000;
/** After so many uses, frequency counts half of its weight. */
const someUses = 4;

/**
 * Weighs age against frequency, 7 to 3: the file that has not been wanted for longest and was used least leaves first. Both
 * approach 1 without reaching it, so that neither a very old file nor a very busy one decides alone.
 */
export function adaptive({ now }: PolicyContext): Policy {
  return {
    name: 'adaptive',
    score({ entry: { uses, votedAt } }) {
      const age = votedAt === null ? 1 : share(Math.max(0, now() - votedAt), dayMs);
      return 0.3 * share(uses, someUses) - 0.7 * age;
    },
    admit: () => true,
  };
}

/** 0 for nothing, half for `half`, nearly 1 for much. */
function share(amount: number, half: number): number {
  return amount / (amount + half);
}
