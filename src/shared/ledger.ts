/** The contents of the shared store, and the demand for them. The bucket is the truth; the ledger is made to agree with it. */
export interface SharedLedger {
  /** Whether all hosts share the ledger; else only the bucket shows the writes of others. */
  readonly isCommon: boolean;
  /**
   * Reserves room for a content before its first byte is written.
   * @returns `there`: it is in the store; `busy`: another host writes it; `full`: not enough room
   */
  reserve(sha256: string, bytes: number, limit: number): Promise<'reserved' | 'there' | 'busy' | 'full'>;
  /** Keeps the reservation while bytes are written. */
  renew(sha256: string): Promise<void>;
  /** Records that a content was written whole. */
  written(sha256: string, bytes: number): Promise<void>;
  /** Gives a reservation back. */
  release(sha256: string): Promise<void>;
  /** Counts a request for a content. Counts fade by half in a week. */
  wanted(sha256: string): Promise<void>;
  /** The least wanted content in the store, with its score. */
  least(): Promise<{ sha256: string; bytes: number; score: number } | null>;
  /** The score of a content; 0 = unknown. */
  scoreOf(sha256: string): Promise<number>;
  /** Records that a content has left the store. */
  removed(sha256: string): Promise<void>;
  has(sha256: string): Promise<boolean>;
  totals(): Promise<{ files: number; bytes: number; reserved: number }>;
  /** Takes over a listing of the bucket. An unlisted content, which may be new, is forgotten at the second listing without it. */
  agreeWith(found: ReadonlyMap<string, number>): Promise<void>;
}

/** Time without renewal after which a reservation ends, ms. */
export const reservationMs = 10 * 60_000;

const halfLifeMs = 7 * 24 * 3_600_000;

/**
 * A fading count as a logarithm: log2 of the sum of 2^(t/half-life) over the times of use. Scores are compared directly, and never
 * have to be decayed.
 */
export function scoreAfter(before: number, now: number): number {
  const use = now / halfLifeMs;
  const [more, less] = before > use ? [before, use] : [use, before];
  return more + Math.log2(1 + 2 ** (less - more));
}

/** The score of a single request now. */
export function freshScore(now: number): number {
  return now / halfLifeMs;
}
