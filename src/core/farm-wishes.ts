import type { FarmCounts } from './demand.ts';
import type { SourceFile } from './types.ts';
import { countAt, lastingSum, noOrder } from './votes.ts';

/** A file as it is named among hosts: a replaced one is another. */
export type WantedFile = Pick<SourceFile, 'path' | 'rel' | 'category' | 'fingerprint'>;

/**
 * Wishes of the hosts of a farm, this one among them, as this host last heard them: one more forecast of what will be wanted here
 * (core/demand.ts). Counts are lasting orders (core/votes.ts).
 */
export interface FarmWishes {
  of(file: WantedFile): number;
  /** Sum of all files. */
  all: number;
  /** Number of the other hosts. */
  others: number;
  /** Changes when a count has become smaller, which wishes never do: with an empty Redis, or a clock that was set. */
  era: number;
}

/** The demand of a farm, for one of its hosts. */
export interface FarmDemandSource {
  /** Null when nothing was heard for long: then the host counts alone. Asks nobody. */
  heard(): FarmWishes | null;
  /** Called for each wish that counts. */
  wished(file: WantedFile): void;
}

/** The wishes for a file, decayed until `now`, wall-clock ms; 0 for a host that counts alone. */
export function wishesInFarm(heard: FarmWishes | null, file: WantedFile, now: number): number {
  return heard ? countAt(heard.of(file), now) : 0;
}

/** @param now wall-clock ms */
export function farmCountsOf(heard: FarmWishes | null, file: WantedFile, now: number): FarmCounts | null {
  return heard && { wishes: wishesInFarm(heard, file, now), all: countAt(heard.all, now), others: heard.others };
}

/** Lasting orders from a list of them. */
export function sumOf(orders: Iterable<number>): number {
  let sum = noOrder;
  for (const order of orders) sum = lastingSum(sum, order);
  return sum;
}
