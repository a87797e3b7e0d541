import { availableParallelism } from 'node:os';
import { chunkSize } from '../codec/chunk-hash.ts';
import { CacheError } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import { assertWanted, type CopyHooks, pacedStepBytes } from './each-block.ts';
import { type RestoreWorker, restoreWorker } from './restoring.ts';

/** Maximum number of threads; more would only wait for the disk. */
const mostThreads = 3;
/** Most consecutive parts per thread, so that an encoded chunk that reaches into the next part is decoded once. */
const mostInARow = 4;

export interface RestorePlan {
  /** The compressed file. Both descriptors stay open until the restore has ended. */
  from: { fd: number; path: string };
  /** Descriptor of an empty file. */
  to: number;
  /** Bytes of the original. */
  size: number;
}

/**
 * Restores a large compressed file on this thread and further ones, each of which decodes, hashes and writes parts of it.
 * @param module of a further thread
 * @returns the hashes of the original's chunks, in order, which the caller compares: they are the check of the bytes
 * @throws CacheError CORRUPT, NO_SPACE, CACHE_IO, CANCELLED
 */
export async function restoreParts(
  { from, to, size }: RestorePlan,
  hooks: CopyHooks,
  module = packageModule('transfer/restore-worker'),
): Promise<string[]> {
  const digests = new Array<string>(Math.ceil(size / chunkSize));
  const state = { done: 0, failed: false };
  const number = Math.min(mostThreads, availableParallelism());
  const rows = rowsOf(digests.length, number);
  const restoreRows = async (worker: RestoreWorker) => {
    let before: Promise<void> = Promise.resolve();
    const restore = async (part: number, end: number, bytes: number) => {
      digests[part] = await worker.restore(part, end, hooks.urgent());
      state.done += bytes;
      hooks.progress(state.done);
      assertWanted(hooks.signal);
    };
    try {
      await worker.open(from, to);
      for (const { first, end } of rows) {
        for (let part = first; part < end; part++) {
          if (state.failed) return;
          const bytes = Math.min(chunkSize, size - part * chunkSize);
          await askFor(bytes, hooks);
          // The thread gets its next part in advance: on a busy machine it would wait long for this one to wake up.
          const own = restore(part, end, bytes);
          own.catch(() => {});
          await before;
          before = own;
        }
      }
      await before;
      await worker.written();
    } catch (error) {
      state.failed = true;
      throw error;
    }
  };
  const threads = Array.from({ length: number - 1 }, () => startThread(module));
  const workers = [restoreWorker(), ...threads.map(({ call }) => call)];
  const restored = workers.map(restoreRows);
  try {
    await Promise.all(restored);
    return digests;
  } finally {
    await Promise.allSettled(restored);
    await Promise.allSettled(workers.map((worker) => worker.close()));
    for (const thread of threads) thread.kill(new CacheError('CANCELLED', 'the restore has ended'));
  }
}

function startThread(module: URL): Peer<RestoreWorker> {
  return startPeer<RestoreWorker, object>(module, 'thread', {
    functions: {},
    onExit: () => {},
    youngGenerationMb: 4,
    unref: true,
  });
}

/** The rows of parts; each is taken once, by the first thread that asks. The last ones are short, so that all threads end together. */
function* rowsOf(parts: number, threads: number): Generator<{ first: number; end: number }> {
  for (let first = 0; first < parts; ) {
    const end = first + Math.min(mostInARow, Math.ceil((parts - first) / (2 * threads)));
    yield { first, end };
    first = end;
  }
}

async function askFor(bytes: number, hooks: CopyHooks): Promise<void> {
  for (let asked = 0; asked < bytes && hooks.paced(); asked += pacedStepBytes) {
    await hooks.ask(Math.min(pacedStepBytes, bytes - asked));
    assertWanted(hooks.signal);
  }
}
