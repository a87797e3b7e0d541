import type { Entry } from '../core/types.ts';

/** What a policy may look at. */
export interface Candidate {
  entry: Pick<Entry, 'path' | 'root' | 'uses' | 'lastUse' | 'votes' | 'votedAt' | 'fingerprint'>;
  /** Bytes that leave with the copy. */
  bytes: number;
}

/** What a policy may ask. */
export interface PolicyContext {
  /** Wall-clock ms. */
  now(): number;
  /** How much longer a byte takes from the file's source than from a copy, seconds; never 0. */
  secondsPerByte(entry: Candidate['entry']): number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Worth of keeping the copy at logical time `tick`; the lowest leaves first. Pure, but for what the surroundings tell. */
  score(candidate: Candidate, tick: number): number;
  /** May a new copy displace these? Pure in the same way. */
  admit(incoming: Candidate, victims: readonly Candidate[], tick: number): boolean;
}
