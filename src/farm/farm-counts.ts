import type { ClaimCounts, ClaimOutcome, FarmFigures, PeerError, PeerErrorCounts } from '../core/farm.ts';

/** Bytes that this host has read, received and given since its start, and the outcomes of its requests. */
export class FarmCounts {
  readonly figures: FarmFigures = { originBytes: 0, receivedBytes: 0, givenBytes: 0 };
  readonly claims: ClaimCounts = { claimed: 0, none: 0, full: 0 };
  readonly peerErrors: PeerErrorCounts = { silent: 0, lied: 0, refused: 0, gone: 0 };

  /** @param bytes never negative */
  add(what: keyof FarmFigures, bytes: number): void {
    this.figures[what] += bytes;
  }

  claim(outcome: ClaimOutcome): void {
    this.claims[outcome]++;
  }

  peerError(why: PeerError): void {
    this.peerErrors[why]++;
  }
}
