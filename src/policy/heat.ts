import { votesAt } from '../core/votes.ts';
import type { Policy, PolicyContext } from './policy.ts';

/**
 * The least time saved for each GiB leaves first: how often a file is wanted these days, times the seconds that a GiB of it takes
 * longer to read from its source. A file that would displace what saves more time than itself is not copied at all, so reading through a
 * library once leaves the cache, and the SSD, as they are.
 */
export function heat({ now, secondsPerByte }: PolicyContext): Policy {
  const score: Policy['score'] = ({ entry }) => votesAt(entry, now()) * secondsPerByte(entry) * 2 ** 30;
  return {
    name: 'heat',
    score,
    admit(incoming, victims, tick) {
      const worth = (file: typeof incoming) => score(file, tick) * file.bytes;
      return victims.length === 0 || worth(incoming) > victims.reduce((sum, victim) => sum + worth(victim), 0);
    },
  };
}
