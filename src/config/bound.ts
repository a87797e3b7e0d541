import type { Amount, Config } from './types.ts';

/** Settings under which copies may have to leave, and that may change while the daemon runs. */
export const boundFields = ['limit', 'quotas', 'highWater', 'lowWater', 'maxAgeMs'] as const;
export type BoundSettings = Pick<Config, (typeof boundFields)[number]>;

/** Share of the free space (the cache included) that `auto` takes; the rest is the user's. */
const autoShare = 0.8;

/**
 * Limit and floor of a tier in bytes.
 * @param volume size and free bytes of the volume, and the bytes that the tier holds on it
 */
export function boundOf(
  { limit, minFree }: { limit: Amount; minFree: Amount },
  volume: { size: number; free: number; used: number },
): { limit: number; floor: number } {
  const floor = bytesOf(minFree, volume.size, 0.05 * volume.size);
  const available = Math.max(0, volume.free + volume.used - floor);
  // A limit beyond the volume would only show when the disk is full.
  return { limit: Math.min(bytesOf(limit, volume.size, autoShare * available), Math.max(0, volume.size - floor)), floor };
}

/** Maximum bytes of each category that has a quota. */
export function quotasOf(quotas: Partial<Record<string, Amount>>, limit: number): Map<string, number> {
  return new Map(
    Object.entries(quotas).flatMap(([category, amount]) => (amount ? [[category, bytesOf(amount, limit, limit)]] : [])),
  );
}

/** Share of the limit that `auto` gives to variants: no copy can take their place, and copies need room as well. */
const variantsShare = 0.5;

/** Maximum bytes of variants under a limit of the SSD tier. */
export function variantsLimitOf(amount: Amount, limit: number): number {
  return Math.min(limit, bytesOf(amount, limit, variantsShare * limit));
}

/** Share of the volume that `auto` gives to results, and the most bytes. */
const memoAuto = { share: 0.05, most: 10 * 2 ** 30 };

/** Limit of results in bytes. @param size of the volume */
export function memoLimitOf(limit: Amount, size: number): number {
  return bytesOf(limit, size, Math.min(memoAuto.most, memoAuto.share * size));
}

function bytesOf(amount: Amount, size: number, auto: number): number {
  if (amount.kind === 'bytes') return amount.bytes;
  return Math.floor(amount.kind === 'share' ? amount.share * size : auto);
}
