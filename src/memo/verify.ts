import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { MemoVerifyAnswer } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Store } from './store.ts';

/** Reads every blob and compares it with its name; one that differs leaves, with the results that have it. */
export async function verify(store: Store | null, clock: Clock, signal: AbortSignal): Promise<MemoVerifyAnswer> {
  const answer: MemoVerifyAnswer = { checked: 0, bytes: 0, damaged: [], removed: 0 };
  if (!store) return answer;
  for (const { sha256, seal } of store.blobs.all()) {
    if (signal.aborted) break;
    answer.checked += 1;
    answer.bytes += seal.size;
    if ((await hashOf(store.files.pathOf(sha256))) === sha256) {
      store.blobs.verified(sha256, clock.now());
      continue;
    }
    answer.damaged.push(sha256);
    answer.removed += await store.dropDamaged(sha256);
  }
  return answer;
}

/** Null for a file that cannot be read. */
async function hashOf(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch {
    return null;
  }
}
