import { setImmediate as nextTurn } from 'node:timers/promises';
import { policies } from '../policy/policies.ts';
import type { Bound } from './bounds.ts';
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

/** Size over compressed size of weights of a type, as in safetensors, in lower case. */
export function usualRatio(dtype: string): number {
  return Object.hasOwn(coldRatios, dtype) ? coldRatios[dtype as ColdType] : 1;
}

/** The cache of each host: bytes, or a share of all bytes that the hosts of the trace read. */
export type CacheSize = { bytes: number } | { share: number };

export interface SimulationRequest {
  sizes: CacheSize[];
  policies: SimulatedPolicy[];
  /** The type of weights for reads without one, to simulate a cold tier too; null = no cold tier. */
  cold: ColdType | null;
  /** Bounds of traces by name. A size that one of them has as a share counts with the bound's capacity. */
  bounds?: ReadonlyMap<string, readonly Bound[]>;
  /** As in `ReplayOptions`. */
  from?: number;
  restoreSpeed?: number;
}

export interface Result {
  trace: string;
  size: CacheSize;
  /** Bytes of the cache of each host. */
  capacity: number;
  policy: SimulatedPolicy;
  cold: boolean;
  outcome: Outcome;
  /** Seconds saved as a share of the upper bound; left out when that is unknown. */
  ofBound?: number;
}

/** Replays every trace with every size and policy, without a cold tier and, if requested, with one. Yields between runs. */
export async function simulate(
  traces: readonly Trace[],
  { sizes, policies: names, cold, bounds, from = Number.NEGATIVE_INFINITY, restoreSpeed }: SimulationRequest,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Result[]> {
  const ratio = (read: Read) => read.ratio ?? usualRatio(read.dtype ?? cold ?? 'none');
  const fixed = { from, ...(restoreSpeed !== undefined && { restoreSpeed }) };
  const tiers: ReplayOptions['coldRatio'][] = cold === null ? [null] : [null, ratio];
  const runs = traces.flatMap((trace) =>
    sizes.flatMap((size) => names.flatMap((policy) => tiers.map((coldRatio) => ({ trace, size, policy, coldRatio })))),
  );
  const results: Result[] = [];
  for (const { trace, size, policy, coldRatio } of runs) {
    const { capacity, upperSeconds } = capacityOf(trace, size, bounds);
    const outcome = replay(trace, { ...fixed, capacity, policy: policyOf(policy), coldRatio });
    const ofBound = upperSeconds !== undefined && { ofBound: outcome.secondsSaved / upperSeconds };
    results.push({ trace: trace.name, size, capacity, policy, cold: coldRatio !== null, outcome, ...ofBound });
    onProgress(results.length, runs.length);
    await nextTurn();
  }
  return results;
}

/** The policy of this name, for a replay. */
export function policyOf(name: SimulatedPolicy): ReplayOptions['policy'] {
  return rules[name];
}

/** Bytes of the cache of each host, and the upper bound in seconds if known. */
export function capacityOf(
  trace: Trace,
  size: CacheSize,
  bounds: SimulationRequest['bounds'],
): { capacity: number; upperSeconds?: number } {
  const bound = bounds?.get(trace.name)?.find((one) => isOfSize(one, size));
  if (bound) return bound;
  return { capacity: 'bytes' in size ? size.bytes : Math.round(size.share * trace.footprint) };
}

function isOfSize({ share, capacity }: Bound, size: CacheSize): boolean {
  return 'bytes' in size ? size.bytes === capacity : size.share === share;
}

/** Results as shares of the upper bound. */
export interface BoundShares {
  mean: number;
  /** Tenth percentile. */
  p10: number;
  worst: number;
}

/** The shares of results with a known bound; null when there are none. */
export function boundSharesOf(results: readonly Pick<Result, 'ofBound'>[]): BoundShares | null {
  const shares = results.flatMap(({ ofBound }) => ofBound ?? []).sort((a, b) => a - b);
  const [worst] = shares;
  if (worst === undefined) return null;
  const p10 = shares[Math.floor(shares.length / 10)] ?? worst;
  return { mean: shares.reduce((sum, share) => sum + share, 0) / shares.length, p10, worst };
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
