import type { Amount, Config } from './types.ts';

/** Where the RAM tier is wanted, null = where the system has such a place; and how much of the memory it may take. */
export interface RamTierSettings {
  dir: string | null;
  limit: Amount;
}

/** Share of the memory available at start that the RAM tier takes when no number is given. */
const autoShare = 0.7;
/** Share of all memory that nobody shall use before the RAM tier has given back its part: beyond it systems begin to swap. */
const keptShare = 0.15;

/** The RAM tier that the two keys ask for, null = none: either of them switches it on, and `off` in either switches it off. */
export function ramTierOf({ ramDir, ramLimit }: Pick<Config, 'ramDir' | 'ramLimit'>): RamTierSettings | null {
  if (ramDir === 'off' || ramLimit === 'off' || (ramDir === null && ramLimit === null)) return null;
  return { dir: ramDir, limit: ramLimit ?? { kind: 'auto' } };
}

/** Limit and floor of the RAM tier in bytes. @param memory all of it, and what is available at start */
export function ramBoundOf(limit: Amount, memory: { total: number; available: number }): { limit: number; floor: number } {
  const floor = Math.floor(keptShare * memory.total);
  if (limit.kind === 'bytes') return { limit: limit.bytes, floor };
  return { limit: Math.floor((limit.kind === 'share' ? limit.share : autoShare) * memory.available), floor };
}
