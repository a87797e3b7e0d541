import { setImmediate as nextTurn } from 'node:timers/promises';
import { policies } from '../policy/policies.ts';
import { foresight } from './foresight.ts';
import { type Outcome, type ReplayOptions, replay } from './replay.ts';
import type { Read, Trace } from './trace.ts';

/** The policies of the daemon, and Belady's rule as a reference. */
const rules = { ...policies, foresight: (_context: unknown, host: readonly Read[]) => foresight(host) };
export type SimulatedPolicy = keyof typeof rules;
export const simulatedPolicies = Object.keys(rules) as SimulatedPolicy[];

/** Compression ratio of weights by type, as measured by `npm run bench -- codec`; other types do not compress. */
const coldRatios = { bf16: 1.51, f16: 1.18, f32: 1.2, f8_e4m3: 1.21, none: 1 };
export type ColdType = keyof typeof coldRatios;
export const coldTypes = Object.keys(coldRatios) as ColdType[];

/** The cache of each host: bytes, or a share of all bytes that the hosts of the trace read. */
export type CacheSize = { bytes: number } | { share: number };

export interface SimulationRequest {
  sizes: CacheSize[];
  policies: SimulatedPolicy[];
  /** Also with a cold tier; the type of weights where the trace has none. */
  cold: ColdType | null;
}

export interface Result {
  trace: string;
  size: CacheSize;
  /** Bytes of the cache of each host. */
  capacity: number;
  policy: SimulatedPolicy;
  cold: boolean;
  outcome: Outcome;
}

/** Replays every trace with every size and policy, without a cold tier and, if requested, with one. Yields between runs. */
export async function simulate(
  traces: readonly Trace[],
  { sizes, policies: names, cold }: SimulationRequest,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Result[]> {
  const ratio = (read: Read) => coldRatios[(read.dtype ?? cold ?? 'none') as ColdType] ?? 1;
  const tiers: ReplayOptions['coldRatio'][] = cold === null ? [null] : [null, ratio];
  const runs = traces.flatMap((trace) =>
    sizes.flatMap((size) => names.flatMap((policy) => tiers.map((coldRatio) => ({ trace, size, policy, coldRatio })))),
  );
  const results: Result[] = [];
  for (const { trace, size, policy, coldRatio } of runs) {
    const capacity = 'bytes' in size ? size.bytes : Math.round(size.share * trace.footprint);
    const outcome = replay(trace, { capacity, policy: rules[policy], coldRatio });
    results.push({ trace: trace.name, size, capacity, policy, cold: coldRatio !== null, outcome });
    onProgress(results.length, runs.length);
    await nextTurn();
  }
  return results;
}

export interface OutcomeRates {
  /** Shares of the reads, of their bytes, and of the time to read them from their sources. */
  hitRate: number;
  byteHitRate: number;
  timeSaved: number;
  /** Bytes written to the SSD for each byte read. */
  written: number;
  /** Share of the reads that restored a compressed copy. */
  restored: number;
}

/** Means over the traces, with equal weights. */
export function ratesOf(outcomes: readonly Outcome[]): OutcomeRates {
  const mean = (rate: (outcome: Outcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + rate(outcome), 0) / outcomes.length;
  return {
    hitRate: mean(({ hits, reads }) => share(hits, reads)),
    byteHitRate: mean(({ hitBytes, bytes }) => share(hitBytes, bytes)),
    timeSaved: mean(({ secondsSaved, sourceSeconds }) => share(secondsSaved, sourceSeconds)),
    written: mean(({ writtenBytes, bytes }) => share(writtenBytes, bytes)),
    restored: mean(({ coldHits, reads }) => share(coldHits, reads)),
  };
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
