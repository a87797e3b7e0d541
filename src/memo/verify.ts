import type { MemoVerifyAnswer } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import { VerifyThread } from '../transfer/verify-thread.ts';
import type { Store } from './store.ts';

/** Reads every blob, in a thread, and compares it with its name; one that differs leaves, with the results that have it. @throws CacheError BUSY */
export async function verify(store: Store | null, clock: Clock, signal: AbortSignal): Promise<MemoVerifyAnswer> {
  const answer: MemoVerifyAnswer = { checked: 0, bytes: 0, damaged: [], removed: 0 };
  if (!store) return answer;
  using thread = new VerifyThread();
  const end = () => thread[Symbol.dispose]();
  signal.addEventListener('abort', end, { once: true });
  try {
    for (const { sha256, seal } of store.blobs.all()) {
      if (signal.aborted) break;
      const found = await thread.sha256(store.files.pathOf(sha256));
      // The blob has left while it was read.
      if (!store.blobs.find(sha256)) continue;
      await store.lock.writable();
      answer.checked += 1;
      answer.bytes += seal.size;
      if (found === sha256) {
        store.blobs.verified(sha256, clock.now());
        continue;
      }
      answer.damaged.push(sha256);
      answer.removed += await store.dropDamaged(sha256);
    }
  } catch (error) {
    // The caller is gone.
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
  return answer;
}
