import type { Habits } from '../core/demand.ts';
import type { FarmWishes } from '../core/farm-wishes.ts';
import type { Entry } from '../core/types.ts';

/** The facts of a copy that a policy may use. */
export interface Candidate {
  entry: Pick<
    Entry,
    'path' | 'root' | 'rel' | 'category' | 'uses' | 'lastUse' | 'votes' | 'votedAt' | 'demand' | 'fingerprint'
  >;
  /** Bytes freed when the copy leaves. */
  bytes: number;
}

/** The other facts that a policy may use. */
export interface PolicyContext {
  /** Wall-clock ms. */
  now(): number;
  /** Extra time of a byte from the file's source instead of a copy, seconds; never 0. */
  secondsPerByte(entry: Candidate['entry']): number;
  /** Sources with an equal pace have equal `secondsPerByte` at any time; left out, each source has its own. */
  pace?(entry: Candidate['entry']): string;
  /** The habits learned from all wishes; null or left out before the first one. */
  habits?(): Habits | null;
  /** The wishes of a farm's hosts; null or left out when this host counts alone. */
  farm?(): FarmWishes | null;
  /** Number of prompts in the queue that will load this source; 0 when left out. */
  expected?(path: string): number;
  /** Number of these that wait for another prompt, so that a copy begun at once comes in time; all when left out. */
  expectedLater?(path: string): number;
  /** Probability that this source is loaded soon without a request yet; 0 when left out. */
  foreseen?(path: string): number;
}

/**
 * Derives a policy's scores from keys, numbers of a file that change with its uses only. Scores are monotonic in every key, so an index
 * finds the lowest score without computing all (see `OrderedIndex`).
 */
export interface Order {
  keys(candidate: Candidate): readonly number[];
  /** The other input of the score apart from time: the bound holds for candidates with an equal pace. */
  pace(entry: Candidate['entry']): string;
  /** For `tick` and the present: a lower bound of the scores of candidates with this pace, from their minimum keys. */
  bound(tick: number, like: Candidate['entry']): (keys: Float64Array, from: number) => number;
  /** Keys hold as long as this stays the same. */
  era(): number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Whether one of the first may stay when others lose less (see `leaving`); otherwise they leave strictly by their scores. */
  readonly packed?: boolean;
  /** Whether its scores include foreseen loads; otherwise nothing leaves for a foreseen copy. */
  readonly foresees?: boolean;
  /** Whether it knows a prompt that will load this source, and so judges copies made ahead for it; left out = never. */
  expects?(path: string): boolean;
  /** Worth of keeping the copy at logical time `tick`; the lowest leaves first. Pure, apart from the context. */
  score(candidate: Candidate, tick: number): number;
  readonly order: Order;
  /** May a new copy displace these? Pure in the same way. @param short bytes that must come free; without it, all of theirs */
  admit(incoming: Candidate, victims: readonly Candidate[], tick: number, short?: number): boolean;
}

/** The order of scores that depend on the keys and on time only. @param bound as in `Order`; the score itself */
export function risingWith(keys: Order['keys'], bound: (tick: number) => ReturnType<Order['bound']>): Order {
  return { keys, bound, pace: () => '', era: () => 0 };
}
