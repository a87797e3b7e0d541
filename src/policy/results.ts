import { lastingOrder, type Votes } from '../core/votes.ts';

/** A result without a told cost counts as one that takes so long, ms. */
const usualCostMs = 1000;
/** What a row takes besides its value, bytes. */
const rowBytes = 512;
/** Results within an eighth of a doubling are worth the same: of them the one that was used longest ago leaves. */
const steps = 8;

/**
 * The rule `heat` for results: the one that saves the least time for each byte leaves first, with the time of the computation in the
 * place of the time of reading. It does not change with time, so an index keeps the order.
 */
export function rankOf({ votes, costMs, bytes }: { votes: Votes; costMs: number | null; bytes: number }): number {
  const savedPerByte = Math.max(1, costMs ?? usualCostMs) / (bytes + rowBytes);
  return Math.round(steps * (Math.log2(savedPerByte) + lastingOrder(votes))) / steps;
}

/** Whether a result is dearer to compute than to keep and read back. @param speed bytes per second of the disk */
export function isWorthKeeping({ costMs, bytes, speed }: { costMs: number; bytes: number; speed: number }): boolean {
  return costMs >= 3 * (2 + (bytes / speed) * 1000);
}
