import type { ErrorCode } from '../core/errors.ts';
import type { Fingerprint, Seal } from '../core/types.ts';
import type { SealFile } from '../tiers/seal-file.ts';

/** What a copy worker is told and what it reports. Plain data: it crosses to a thread or to another process. */
export interface CopyOrder {
  id: number;
  source: SealFile['source'];
  temp: string;
  path: string;
  sealPath: string;
  /** Bytes per second, null = as fast as it goes. */
  rate: number | null;
  /** Free bytes that the volume of the tier must keep. */
  floor: number;
}

export type ToWorker = { type: 'copy'; order: CopyOrder } | { type: 'cancel'; id: number };

export type FromWorker =
  | { type: 'progress'; id: number; bytesDone: number }
  | { type: 'copied'; id: number; report: CopyReport }
  | { type: 'failed'; id: number; code: ErrorCode; message: string };

export interface CopyReport {
  seal: Seal;
  hash: string;
  /** As read from the open file: includes the inode, which the asker may not have told. */
  source: Fingerprint;
  bytes: number;
  /** Time spent reading the source, ms: the source's speed without the rest. */
  readMs: number;
}
