import type { Copy, Fingerprint, TierName } from '../core/types.ts';

/** A copy to come, and the bounds that must hold with it. */
export interface ReserveRequest {
  entryId: number;
  tier: TierName;
  path: string;
  source: Fingerprint;
  bytes: number;
  /** Maximum bytes in the tier and in those that share its limit. */
  limit: number;
  /** Free bytes of the tier's volume, less the bytes that running copies have yet to write. */
  free: number;
  /** Bytes that must stay free. */
  floor: number;
  /** Maximum bytes of copies of a category, in the tiers that share the limit. */
  quota?: { category: string; bytes: number } | undefined;
  /** An interrupted copy of the same source: its bytes are already on the disk, and this copy's row replaces its row. */
  replaces?: Pick<Copy, 'id' | 'bytes'>;
}

/** Either the reserved copy, or the bytes that must leave first: of any, and with a quota of its category; 0 or less = none. */
export type Reservation = { copy: Copy } | { short: number; over?: number };
