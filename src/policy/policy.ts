import type { Habits } from '../core/demand.ts';
import type { Entry } from '../core/types.ts';

/** The facts of a copy that a policy may use. */
export interface Candidate {
  entry: Pick<Entry, 'path' | 'root' | 'uses' | 'lastUse' | 'votes' | 'votedAt' | 'demand' | 'fingerprint'>;
  /** Bytes freed when the copy leaves. */
  bytes: number;
}

/** The other facts that a policy may use. */
export interface PolicyContext {
  /** Wall-clock ms. */
  now(): number;
  /** Extra time of a byte from the file's source instead of a copy, seconds; never 0. */
  secondsPerByte(entry: Candidate['entry']): number;
  /** Sources with the same answer have the same `secondsPerByte` at any time; each its own when left out. */
  pace?(entry: Candidate['entry']): string;
  /** What all wishes have shown; null or left out before the first one. */
  habits?(): Habits | null;
  /** How many prompts in the queue will load this source; 0 when left out. */
  expected?(path: string): number;
  /** How many of these wait for another one, so that a copy begun at once comes in time; all when left out. */
  expectedLater?(path: string): number;
  /** How likely this source is loaded soon, though nobody has asked for it yet; 0 when left out. */
  foreseen?(path: string): number;
}

/**
 * How the scores of a policy follow from numbers that change with the uses of a file only, its keys. With every key at least as large, the
 * score is at least as large. So an index finds the lowest score without computing all (see `OrderedIndex`).
 */
export interface Order {
  keys(candidate: Candidate): readonly number[];
  /** What else the score depends on, beside time: the bound holds for candidates with the same answer. */
  pace(entry: Candidate['entry']): string;
  /** For `tick` and the present: from the least keys of some candidates with this pace, what no score of theirs is below. */
  bound(tick: number, like: Candidate['entry']): (keys: Float64Array, from: number) => number;
  /** Keys hold as long as this stays the same. */
  era(): number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Whether one of the first may stay when others lose less (see `leaving`); otherwise they leave strictly by their scores. */
  readonly packed?: boolean;
  /** Whether its scores know what is foreseen; otherwise nothing leaves for a copy that is only foreseen. */
  readonly foresees?: boolean;
  /** Whether it knows of a prompt that will load this source, and so judges a copy that is made ahead for it; left out = it never does. */
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
