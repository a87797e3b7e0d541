import { setImmediate as turn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import type { FarmNote } from '../farm/farm-order.ts';
import type { BlockReader } from './block-readers.ts';
import type { CopyHashes } from './copy-hashes.ts';

/** Size of a step, bytes. After each the worker checks for a cancel and reports progress; a paced copy asks before each, for less. */
const stepBytes = 8 * 1024 * 1024;
export const pacedStepBytes = 1024 * 1024;

export interface CopyHooks {
  progress(bytesDone: number): void;
  /** An interrupted copy resumes here. */
  resuming(from: number): void;
  /** Whether to ask before each step. */
  paced(): boolean;
  /** Resolves when the next step may be taken. @param from the giver of its bytes; default: the source */
  ask(bytes: number, from?: 'source' | 'peer'): Promise<void>;
  /** Whether a program waits for the copy and will load it as soon as it is ready. */
  urgent(): boolean;
  /** Told the notes of a copy with the help of a farm; resolves when others can read the noted chunks. */
  farm?(note: FarmNote): Promise<void>;
  signal: AbortSignal;
}

interface Flow {
  reader: BlockReader;
  hashes: CopyHashes;
  from: number;
  end: number;
  /** Takes the bytes, which stay unchanged until that resolves. `cached`: whether to leave them in memory. */
  file?: { write(bytes: Uint8Array, position: number, cached: boolean): void | Promise<void> };
}

/** Hashes each block while it and the block before are written and the next ones are read, until the end. */
export async function eachBlock(flow: Flow, hooks: CopyHooks, afterStep: () => Promise<void>): Promise<void> {
  const { reader, hashes, from, end, file } = flow;
  for (let done = from; done < end; ) {
    const paced = hooks.paced();
    const step = paced ? pacedStepBytes : stepBytes;
    const stepEnd = Math.min(done - (done % step) + step, end);
    if (paced) await hooks.ask(stepEnd - done);
    let written = Promise.resolve();
    // A copy that becomes paced asks before its next block.
    while (done < stepEnd && hooks.paced() === paced) {
      const askedAt = performance.now();
      const bytes = await reader.next(stepEnd - done, written);
      const takenAt = performance.now();
      const before = written;
      written = Promise.resolve(file?.write(bytes, done, hooks.urgent()));
      // A failure while the next block is awaited is reported afterwards.
      written.catch(() => {});
      hashes.update(bytes);
      await before;
      done += bytes.length;
      // A paced copy has time to spare.
      if (!paced) hashes.judge({ bytes: bytes.length, waitedMs: takenAt - askedAt, workedMs: performance.now() - takenAt });
    }
    await written;
    hooks.progress(done);
    await afterStep();
    // Lets messages arrive.
    await turn();
    assertWanted(hooks.signal);
  }
}

/** @throws CacheError CANCELLED */
export function assertWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new CacheError('CANCELLED', 'the copy was cancelled');
}
