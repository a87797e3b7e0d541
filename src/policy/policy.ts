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
  /** What all wishes have shown; null or left out before the first one. */
  habits?(): Habits | null;
  /** How many prompts in the queue will load this source; 0 when left out. */
  expected?(path: string): number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Whether one of the first may stay when others lose less (see `leaving`); otherwise they leave strictly by their scores. */
  readonly packed?: boolean;
  /** Worth of keeping the copy at logical time `tick`; the lowest leaves first. Pure, apart from the context. */
  score(candidate: Candidate, tick: number): number;
  /** May a new copy displace these? Pure in the same way. @param short bytes that must come free; without it, all of theirs */
  admit(incoming: Candidate, victims: readonly Candidate[], tick: number, short?: number): boolean;
}
