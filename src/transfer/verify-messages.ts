import type { Form, Seal } from '../core/types.ts';

/** One copy to read again. Plain data: it crosses to a thread. */
export interface VerifyOrder {
  path: string;
  manifestPath: string;
  /** What the catalog knows of the copy; the proof on the disk must say the same. */
  seal: Seal;
  hash: string;
  form: Form;
  /** Whether to make SHA-256 too when the proof has none. */
  identity: boolean;
  /** Bytes per second, null = as fast as it goes. */
  rate: number | null;
}

/** `why` is for people; `chunks` are the numbers of the 8 MiB chunks that differ, empty when it is not about single chunks. */
export type Verdict =
  | {
      same: true;
      /** Spent in reading past the page cache; null when it was not passed. */
      readMs: number | null;
      /** As the proof has it, or made because it had none; null when it was not wanted. */
      sha256: string | null;
    }
  | { same: false; why: string; chunks: number[] };

/** The thread that reads copies again, one at a time. */
export interface VerifyWorker {
  /** @throws CacheError CACHE_IO */
  verify(order: VerifyOrder): Promise<Verdict>;
}

export interface VerifyWatcher {
  progress(bytesDone: number): void;
}
