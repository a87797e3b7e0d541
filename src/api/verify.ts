import type { TierName } from '../core/types.ts';
import type { SelectRequest } from './api.ts';

/** `POST /api/cache/verify`: the copies to read again and compare with their hashes. */
export interface VerifyRequest extends SelectRequest {
  all?: boolean;
}

/** The outcome of reading copies again. */
export type ScrubReport = Omit<VerifyAnswer, 'mismatched' | 'sound'>;

export interface VerifyAnswer {
  /** Copies and bytes read again, with the damaged ones. */
  files: number;
  bytes: number;
  damaged: {
    id: number;
    path: string;
    bytes: number;
    copy: string;
    tier: TierName;
    why: string;
    /** Numbers of the 8 MiB chunks that differ, from 0; empty when the fault is not in single chunks. */
    chunks: number[];
    /** True when the source is there and a new copy is on its way. */
    recopied: boolean;
  }[];
  /** The named entries with undamaged copies; left out with `all`. */
  sound?: { id: number; path: string; bytes: number }[];
  /** Sources that differ from the SHA-256 beside them; their copies are true ones and stay in service. */
  mismatched: {
    id: number;
    path: string;
    bytes: number;
    /** SHA-256 of the copy, hex. */
    sha256: string;
    published: string;
    /** The file that states it. */
    from: string;
  }[];
  skipped: { id: number; path: string; bytes: number; why: string }[];
}
