import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const tasks = '/proc/self/task';

/**
 * Sets the priority of the threads that read and write files for this process (libuv's pool). Only Linux has a priority per
 * thread. The pool starts with its first use; before that nothing happens.
 * @param priority as in `os.setPriority`
 * @returns number of threads
 */
export function setPoolPriority(priority: number): number {
  if (process.platform !== 'linux') return 0;
  const threads = readdirSync(tasks).filter(isOfPool).map(Number);
  for (const thread of threads) setPriority(thread, priority);
  return threads.length;
}

function isOfPool(thread: string): boolean {
  try {
    return readFileSync(`${tasks}/${thread}/comm`, 'utf8').trim() === 'libuv-worker';
  } catch {
    // The thread has ended meanwhile.
    return false;
  }
}
