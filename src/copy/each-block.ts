import { setImmediate as turn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import type { BlockReader } from './block-readers.ts';
import type { CopyHashes } from './copy-hashes.ts';
import type { PartialFile } from './partial-file.ts';

/** Between two of these the worker looks for a cancel and tells how far it is. A paced copy asks for each, in smaller ones. */
const stepBytes = 8 * 1024 * 1024;
const pacedStepBytes = 1024 * 1024;

export interface CopyHooks {
  progress(bytesDone: number): void;
  /** An interrupted copy goes on from here. */
  resuming(from: number): void;
  /** Whether to ask before each step. */
  paced(): boolean;
  /** Resolves when the next step may be taken. */
  ask(bytes: number): Promise<void>;
  signal: AbortSignal;
}

interface Flow {
  reader: BlockReader;
  hashes: CopyHashes;
  from: number;
  end: number;
  file?: PartialFile;
}

/** Reads, hashes and writes until the end. @returns ms spent waiting for the source */
export async function eachBlock(flow: Flow, hooks: CopyHooks, afterStep: () => Promise<void>): Promise<number> {
  const { reader, hashes, from, end, file } = flow;
  let readMs = 0;
  for (let done = from; done < end; ) {
    const paced = hooks.paced();
    const stepEnd = Math.min(done + (paced ? pacedStepBytes : stepBytes), end);
    if (paced) await hooks.ask(stepEnd - done);
    while (done < stepEnd) {
      const readAt = performance.now();
      const read = reader.next();
      const bytes = read instanceof Promise ? await read : read;
      readMs += performance.now() - readAt;
      hashes.update(bytes);
      file?.write(bytes, done);
      done += bytes.length;
    }
    hooks.progress(done);
    hashes.judge(done - from, readMs);
    await afterStep();
    // Lets messages in.
    await turn();
    assertWanted(hooks.signal);
  }
  return readMs;
}

/** @throws CacheError CANCELLED */
export function assertWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new CacheError('CANCELLED', 'the copy was cancelled');
}
