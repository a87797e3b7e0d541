import type { Copy, Entry } from '../core/types.ts';

export interface EvictionCandidate {
  copy: Copy;
  entry: Entry;
}

interface Unit {
  victims: EvictionCandidate[];
  /** Bytes that come free when all of them leave. */
  bytes: number;
  score: number;
}

/** The same for all names of one file in a tier. */
export function fileKey({ id, tier, seal, hash }: Copy): string {
  return seal ? [tier, seal.ino, seal.size, seal.mtimeNs, hash].join() : String(id);
}

/**
 * What can leave, lowest score first, and of equals the compressed one. Names of one file leave together or not at all, for one
 * alone frees nothing: the file is worth what its best name is worth, and one name that is `held` (leased, open, pinned) holds all
 * of them.
 */
export function evictionUnits(ranked: readonly (EvictionCandidate & { score: number })[], held: ReadonlySet<string>): Unit[] {
  const units = new Map<string, Unit>();
  for (const { score, ...victim } of ranked) {
    const key = fileKey(victim.copy);
    if (held.has(key)) continue;
    const { victims, score: best } = units.get(key) ?? { victims: [], score };
    units.set(key, { victims: [...victims, victim], bytes: victim.copy.bytes, score: Math.max(score, best) });
  }
  const firstId = ({ victims }: Unit) => victims[0]?.copy.id ?? 0;
  const isHot = ({ victims }: Unit) => Number(victims[0]?.copy.tier !== 'cold');
  return [...units.values()].sort((a, b) => a.score - b.score || isHot(a) - isHot(b) || firstId(a) - firstId(b));
}
