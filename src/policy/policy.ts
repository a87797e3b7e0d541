import type { Entry } from '../core/types.ts';

/** The facts of a copy that a policy may use. */
export interface Candidate {
  entry: Pick<Entry, 'path' | 'root' | 'uses' | 'lastUse' | 'votes' | 'votedAt' | 'fingerprint'>;
  /** Bytes freed when the copy leaves. */
  bytes: number;
}

/** The other facts that a policy may use. */
export interface PolicyContext {
  /** Wall-clock ms. */
  now(): number;
  /** Extra time of a byte from the file's source instead of a copy, seconds; never 0. */
  secondsPerByte(entry: Candidate['entry']): number;
}

/** A rule that chooses which copies leave. */
export interface Policy {
  readonly name: string;
  /** Worth of keeping the copy at logical time `tick`; the lowest leaves first. Pure, apart from the context. */
  score(candidate: Candidate, tick: number): number;
  /** May a new copy displace these? Pure in the same way. */
  admit(incoming: Candidate, victims: readonly Candidate[], tick: number): boolean;
}
