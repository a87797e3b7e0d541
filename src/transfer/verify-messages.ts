import type { Form, Seal } from '../core/types.ts';

/** One copy to verify. Plain data: it crosses to a thread. */
export interface VerifyOrder {
  path: string;
  manifestPath: string;
  /** The copy's seal in the catalog; the proof on the disk must match. */
  seal: Seal;
  hash: string;
  form: Form;
  /** Whether to compute SHA-256 when the proof has none. */
  identity: boolean;
  /** Bytes per second, null = unlimited. */
  rate: number | null;
}

/** `why` is for messages; `chunks` are the numbers of the differing 8 MiB chunks, empty when single chunks are not the problem. */
export type Verdict =
  | {
      same: true;
      /** Time spent reading past the page cache, ms; null when it was not bypassed. */
      readMs: number | null;
      /** From the proof, or computed because it had none; null when not requested. */
      sha256: string | null;
    }
  | { same: false; why: string; chunks: number[] };

/** The thread that reads files again, one at a time. */
export interface VerifyWorker {
  /** @throws CacheError CACHE_IO */
  verify(order: VerifyOrder): Promise<Verdict>;
  /** The SHA-256 of a file's bytes, read past the page cache if possible; null when it cannot be read. */
  sha256(path: string): Promise<string | null>;
}

export interface VerifyWatcher {
  progress(bytesDone: number): void;
}
