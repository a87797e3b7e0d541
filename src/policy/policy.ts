import type { Entry } from '../core/types.ts';

/** What a policy may look at. */
export interface Candidate {
  entry: Pick<Entry, 'uses' | 'lastUse' | 'fingerprint'>;
  /** Bytes that leave with the copy. */
  bytes: number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Worth of keeping the copy at logical time `tick`; the lowest leaves first. Pure. */
  score(candidate: Candidate, tick: number): number;
  /** May a new copy displace these? Pure. */
  admit(incoming: Candidate, victims: readonly Candidate[], tick: number): boolean;
}
