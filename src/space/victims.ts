import type { Copy } from '../core/types.ts';

/** A copy that can leave, with no more than the choice needs: there may be a hundred thousand. */
export interface EvictionCandidate extends Pick<Copy, 'id' | 'placement' | 'bytes' | 'form'> {
  score: number;
  /** A running program was given its path. */
  given: boolean;
}

interface Unit {
  /** Ids of copies. */
  victims: number[];
  /** Bytes freed when all of them leave. */
  bytes: number;
  score: number;
  isPlain: boolean;
  /** A running program was given one of its names. */
  given: boolean;
}

/**
 * The copies that can leave: those that no running program was given come first, then lowest score first, and of equals the
 * compressed one. The names of one placement leave together or not at all, as one alone frees nothing. Such a unit has the highest
 * score of its names, and stays when it is `held` (a name is leased, open or pinned).
 */
export function evictionUnits(candidates: readonly EvictionCandidate[], held: ReadonlySet<number>): Unit[] {
  const units = new Map<number, Unit>();
  for (const { id, placement, bytes, form, score, given } of candidates) {
    if (held.has(placement)) continue;
    const unit = units.get(placement);
    if (unit) {
      unit.victims.push(id);
      unit.score = Math.max(score, unit.score);
      unit.given ||= given;
    } else units.set(placement, { victims: [id], bytes, score, given, isPlain: form === 'plain' });
  }
  const firstId = ({ victims: [first = 0] }: Unit) => first;
  return [...units.values()].sort(
    (a, b) =>
      Number(a.given) - Number(b.given) ||
      a.score - b.score ||
      Number(a.isPlain) - Number(b.isPlain) ||
      firstId(a) - firstId(b),
  );
}
