import { lastingOrder, type Votes } from '../core/votes.ts';

/** Assumed cost of a result without one, ms. */
const usualCostMs = 1000;
/** Size of a row without its value, bytes. */
const rowBytes = 512;
/** Steps per doubling: results within one step have equal worth, and the least recently used of them leaves. */
const steps = 8;

/**
 * The rule `heat` for results: the one that saves the least time per byte leaves first, with the time of the computation instead of the
 * time of reading. It does not change with time, so an index keeps the order.
 */
export function rankOf({ votes, costMs, bytes }: { votes: Votes; costMs: number | null; bytes: number }): number {
  const savedPerByte = Math.max(1, costMs ?? usualCostMs) / (bytes + rowBytes);
  return Math.round(steps * (Math.log2(savedPerByte) + lastingOrder(votes))) / steps;
}

/** Whether computing a result costs more than storing and reading it. @param speed bytes per second of the disk */
export function isWorthKeeping({ costMs, bytes, speed }: { costMs: number; bytes: number; speed: number }): boolean {
  return costMs >= 3 * (2 + (bytes / speed) * 1000);
}
