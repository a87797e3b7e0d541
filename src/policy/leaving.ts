/** Copies that leave together, with their worth per byte. */
export interface Leaver {
  bytes: number;
  score: number;
  /** Whether a running program was given its path: then it leaves only when nothing else is enough. */
  given?: boolean;
}

/** Room that comes free beyond the need is filled by files worth nearly as much as the least valuable one. */
const refilled = 0.6;
/** Number of the first ones of which one may stay if others lose less. */
const looked = 8;

/** The worth lost when all of these leave for `short` bytes. */
export function lossOf(leavers: readonly Leaver[], short: number): number {
  let [loss, freed, least] = [0, 0, Number.POSITIVE_INFINITY];
  for (const { bytes, score } of leavers) {
    const worth = Math.max(0, score);
    loss += worth * bytes;
    freed += bytes;
    least = Math.min(least, worth);
  }
  return leavers.length === 0 ? 0 : loss - refilled * least * Math.max(0, freed - short);
}

/**
 * The leavers that free `short` bytes, from all candidates in their order; all of them when they are not enough. With `packed`, one of
 * the first may stay when that loses less: a large file does not leave for a small one if a few small ones are enough. Takes no
 * more from the sequence than it needs.
 */
export function leaving<T extends Leaver>(ordered: Iterable<T>, short: number, packed: boolean): T[] {
  const next = ordered[Symbol.iterator]();
  const seen: T[] = [];
  const at = (index: number): T | undefined => {
    while (seen.length <= index) {
      const { done, value } = next.next();
      if (done) return undefined;
      seen.push(value);
    }
    return seen[index];
  };
  const without = (left: number): T[] | null => {
    const chosen: T[] = [];
    let rest = short;
    for (let k = 0; rest > 0; k++) {
      const leaver = at(k);
      if (!leaver) return left < 0 ? chosen : null;
      if (k === left) continue;
      if (left >= 0 && leaver.given) return null;
      chosen.push(leaver);
      rest -= leaver.bytes;
    }
    return chosen;
  };
  let best = without(-1) ?? [];
  if (!packed || best.some(({ given }) => given)) return best;
  const first = best.length;
  for (let k = 0; k < Math.min(first, looked); k++) {
    const other = without(k);
    if (other && lossOf(other, short) < lossOf(best, short)) best = other;
  }
  return best;
}
