import { createHash } from 'node:crypto';

/** A host to choose from, and its weight: with twice the weight it is chosen for twice as many keys. */
export interface WeightedHost {
  id: string;
  weight: number;
}

/**
 * Hosts in an order for a key on which all of a farm agree without communication: highest random weight (Thaler and Ravishankar 1998),
 * weighted by -w / ln(u). A host that joins or leaves moves its own keys only.
 */
export function rendezvous(key: string, hosts: readonly WeightedHost[]): string[] {
  return hosts
    .filter(({ weight }) => weight > 0)
    .map(({ id, weight }) => ({ id, score: -weight / Math.log(uniform(`${id}\0${key}`)) }))
    .sort((one, other) => other.score - one.score || (one.id < other.id ? -1 : 1))
    .map(({ id }) => id);
}

/** A number strictly between 0 and 1, the same on every host. */
function uniform(text: string): number {
  const hash = createHash('sha256').update(text).digest();
  return (hash.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
