import { CacheError } from '../core/errors.ts';
import { isAlive, killCommand } from '../runtime/lock-holder.ts';
import type { Client } from './client.ts';
import { poll } from './poll.ts';

const longestMs = 30_000;

/**
 * Asks the daemon to stop and waits until its process is gone.
 * @throws CacheError `INTERNAL` when it is still there after 30 s.
 */
export async function stopDaemon(client: Client, forMs = longestMs): Promise<{ stopping: true }> {
  const { pid } = client.daemon;
  const answer = await client.shutdown();
  if (await poll(forMs, () => (isAlive(pid) ? null : true))) return answer;
  throw new CacheError('INTERNAL', `the daemon (pid ${pid}) is still stopping after ${forMs / 1000} s`, {
    hint: `its log says what it waits for; ${killCommand(pid)} ends it, and the next start tidies up`,
  });
}
