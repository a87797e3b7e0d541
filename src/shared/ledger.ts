/** What lies in the shared store, and how wanted it is. The bucket is the truth; the ledger is made to agree with it. */
export interface SharedLedger {
  /** Whether all hosts keep it together; else the bucket alone tells of what others write. */
  readonly isCommon: boolean;
  /**
   * Reserves room for a content before its first byte is written.
   * @returns `there`: it is in the store; `busy`: another host writes it; `full`: there is no room for so much
   */
  reserve(sha256: string, bytes: number, limit: number): Promise<'reserved' | 'there' | 'busy' | 'full'>;
  /** Keeps the reservation while bytes are written. */
  renew(sha256: string): Promise<void>;
  /** It has been written whole. */
  written(sha256: string, bytes: number): Promise<void>;
  /** Gives a reservation back. */
  release(sha256: string): Promise<void>;
  /** A host wanted it. Counts fade, by half in a week. */
  wanted(sha256: string): Promise<void>;
  /** The least wanted content in the store, with its score. */
  least(): Promise<{ sha256: string; bytes: number; score: number } | null>;
  /** How wanted a content is, by the same measure; 0 = unknown. */
  scoreOf(sha256: string): Promise<number>;
  /** It has left the store. */
  removed(sha256: string): Promise<void>;
  has(sha256: string): Promise<boolean>;
  totals(): Promise<{ files: number; bytes: number; reserved: number }>;
  /** Takes over what the bucket holds. What is not in it is forgotten with the second listing without it: it may have been written since. */
  agreeWith(found: ReadonlyMap<string, number>): Promise<void>;
}

/** A host that says nothing of its reservation for so long has given it up, ms. */
export const reservationMs = 10 * 60_000;

const halfLifeMs = 7 * 24 * 3_600_000;

/**
 * A count that fades, as a logarithm: log2 of the sum of 2^(t/half-life) over the times of use. It is compared with others as it is,
 * and never has to be counted down.
 */
export function scoreAfter(before: number, now: number): number {
  const use = now / halfLifeMs;
  const [more, less] = before > use ? [before, use] : [use, before];
  return more + Math.log2(1 + 2 ** (less - more));
}

/** The score of what was wanted once, now. */
export function freshScore(now: number): number {
  return now / halfLifeMs;
}
