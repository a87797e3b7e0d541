import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
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
  const kill = process.platform === 'win32' ? `taskkill /PID ${pid} /F` : `kill -9 ${pid}`;
  throw new CacheError('INTERNAL', `the daemon (pid ${pid}) is still stopping after ${forMs / 1000} s`, {
    hint: `its log says what it waits for; ${kill} ends it, and the next start tidies up`,
  });
}

/** 0 stands for a process that is not of this machine. */
function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
