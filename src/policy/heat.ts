import { votesAt } from '../core/votes.ts';
import type { Policy, PolicyContext } from './policy.ts';

/**
 * The copy that saves the least time for each GiB leaves first: recent demand for the file, times the extra seconds that a GiB
 * takes from its source. A file is not copied if it would displace files that save more time. So reading through a library once
 * leaves the cache, and the SSD, unchanged.
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
