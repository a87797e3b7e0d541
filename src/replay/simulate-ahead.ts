import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Means, means } from './ahead.ts';
import type { MadeAhead } from './copies-ahead.ts';
import { missSeconds, type Outcome, replay } from './replay.ts';
import { capacityOf, policyOf, type Result, type SimulationRequest } from './simulate.ts';
import type { Trace } from './trace.ts';

export type AheadRequest = Pick<SimulationRequest, 'sizes' | 'policies' | 'bounds'>;

/** The outcome of a trace with copies ahead of need, and of the same cache without any. */
export interface AheadResult extends Omit<Result, 'cold'> {
  /** The means by which files become known before they are loaded. */
  by: Means[];
  /** The outcome without copies ahead. */
  without: Outcome;
}

/** Each means alone, and all of them. */
const tried: Means[][] = [...means.map((one) => [one]), [...means]];

/** Replays every trace with every size and policy, with copies ahead of need by each means and by all. Yields between runs. */
export async function simulateAhead(
  traces: readonly Trace[],
  { sizes, policies, bounds }: AheadRequest,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<AheadResult[]> {
  const runs = traces.flatMap((trace) => sizes.flatMap((size) => policies.map((policy) => ({ trace, size, policy }))));
  const results: AheadResult[] = [];
  for (const { trace, size, policy } of runs) {
    const { capacity, upperSeconds } = capacityOf(trace, size, bounds);
    const options = { capacity, policy: policyOf(policy), coldRatio: null };
    const without = replay(trace, options);
    for (const by of tried) {
      const outcome = replay(trace, { ...options, ahead: new Set(by) });
      const ofBound = upperSeconds !== undefined && { ofBound: outcome.secondsSaved / upperSeconds };
      results.push({ trace: trace.name, size, capacity, policy, by, without, outcome, ...ofBound });
      onProgress(results.length, runs.length * tried.length);
      await nextTurn();
    }
  }
  return results;
}

/** Means over results, with equal weights. */
export interface AheadRates {
  /** Share of the seconds of misses that copies ahead remove; below 0 when they add some. */
  removed: number;
  /** Share of the copies made ahead that were loaded before they left, over results with any. Null without one. */
  right: number | null;
  /** Per byte read: bytes copied ahead and not loaded, and all bytes written to the SSD. */
  wasted: number;
  written: number;
}

export function aheadRatesOf(results: readonly Pick<AheadResult, 'outcome' | 'without'>[]): AheadRates {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const made = ({ outcome }: { outcome: Outcome }): MadeAhead =>
    outcome.ahead ?? { copies: 0, bytes: 0, used: 0, usedBytes: 0 };
  const right = results.flatMap((result) => (made(result).copies > 0 ? made(result).used / made(result).copies : []));
  const perByte = (bytes: number, { outcome }: { outcome: Outcome }) => (outcome.bytes === 0 ? 0 : bytes / outcome.bytes);
  const removedBy = ({ outcome, without }: (typeof results)[number]) => {
    const before = missSeconds(without);
    return before > 0 ? 1 - missSeconds(outcome) / before : 0;
  };
  return {
    removed: mean(results.map(removedBy)),
    right: right.length > 0 ? mean(right) : null,
    wasted: mean(results.map((result) => perByte(made(result).bytes - made(result).usedBytes, result))),
    written: mean(results.map((result) => perByte(result.outcome.writtenBytes, result))),
  };
}
