import type { Amount, Config } from './types.ts';

/** Directory of the RAM tier, null = the default one of the system; and its limit. */
export interface RamTierSettings {
  dir: string | null;
  limit: Amount;
}

/** Share of the memory available at start that the RAM tier takes by default. */
const autoShare = 0.7;
/** Share of all memory that the RAM tier keeps free by shrinking: with less of it, systems begin to swap. */
const keptShare = 0.15;

/** The RAM tier set by the two keys, null = none. Either of them switches it on, and `off` in either switches it off. */
export function ramTierOf({ ramDir, ramLimit }: Pick<Config, 'ramDir' | 'ramLimit'>): RamTierSettings | null {
  if (ramDir === 'off' || ramLimit === 'off' || (ramDir === null && ramLimit === null)) return null;
  return { dir: ramDir, limit: ramLimit ?? { kind: 'auto' } };
}

/** Limit and floor of the RAM tier in bytes. @param memory in total, and available at start */
export function ramBoundOf(limit: Amount, memory: { total: number; available: number }): { limit: number; floor: number } {
  const floor = Math.floor(keptShare * memory.total);
  if (limit.kind === 'bytes') return { limit: limit.bytes, floor };
  return { limit: Math.floor((limit.kind === 'share' ? limit.share : autoShare) * memory.available), floor };
}
