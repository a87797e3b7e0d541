import type { Copy, Entry } from '../core/types.ts';

export interface EvictionCandidate {
  copy: Copy;
  entry: Entry;
}

interface Unit {
  victims: EvictionCandidate[];
  /** Bytes freed when all of them leave. */
  bytes: number;
  score: number;
}

/**
 * The copies that can leave, lowest score first, and of equals the compressed one. The names of one placement leave together or not
 * at all, as one alone frees nothing. Such a unit has the highest score of its names, and stays when it is `held` (a name is
 * leased, open or pinned).
 */
export function evictionUnits(ranked: readonly (EvictionCandidate & { score: number })[], held: ReadonlySet<number>): Unit[] {
  const units = new Map<number, Unit>();
  for (const { score, ...victim } of ranked) {
    const { placement } = victim.copy;
    if (held.has(placement)) continue;
    const { victims, score: best } = units.get(placement) ?? { victims: [], score };
    units.set(placement, { victims: [...victims, victim], bytes: victim.copy.bytes, score: Math.max(score, best) });
  }
  const firstId = ({ victims }: Unit) => victims[0]?.copy.id ?? 0;
  const isPlain = ({ victims }: Unit) => Number(victims[0]?.copy.form === 'plain');
  return [...units.values()].sort((a, b) => a.score - b.score || isPlain(a) - isPlain(b) || firstId(a) - firstId(b));
}
