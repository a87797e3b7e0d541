import { CacheError } from '../core/errors.ts';

/** Hooks to watch and cancel the encoding or decoding of a file. All bytes are those of the original file. */
export interface CodecHooks {
  onProgress?(bytesDone: number, bytesTotal: number): void;
  /** Sees all bytes in order, for example to hash them; they are overwritten afterwards. */
  onBytes?(bytes: Uint8Array): void;
  /** Called after every chunk with its size; the next one waits for it. */
  turn?(bytes: number): Promise<unknown>;
  signal?: AbortSignal | undefined;
}

export function stopIfCancelled({ signal }: CodecHooks): void {
  if (signal?.aborted) throw new CacheError('CANCELLED', 'the work was cancelled', { cause: signal.reason });
}
