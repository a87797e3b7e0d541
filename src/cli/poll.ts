import { setTimeout as sleep } from 'node:timers/promises';

const everyMs = 50;

/** Calls `done` periodically until it answers something else than null, for at most `forMs`. Null when the time is over. */
export async function poll<T>(forMs: number, done: () => Promise<T | null> | T | null): Promise<T | null> {
  const end = performance.now() + forMs;
  for (;;) {
    const answer = await done();
    if (answer !== null || performance.now() >= end) return answer;
    await sleep(everyMs);
  }
}
