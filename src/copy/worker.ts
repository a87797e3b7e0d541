import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { toCacheError } from '../core/errors.ts';
import { parentPeer } from '../core/peer.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { runCopyJob } from './run-copy-job.ts';

/** The entry of a copy worker, as a thread or as a process: takes orders one after the other or several at once. */
const parent = parentPeer<FromWorker, ToWorker>();
const running = new Map<number, AbortController>();

giveWay();

parent.onMessage((message) => {
  if (message.type === 'cancel') {
    running.get(message.id)?.abort();
    return;
  }
  const { order } = message;
  const abort = new AbortController();
  running.set(order.id, abort);
  runCopyJob(order, {
    signal: abort.signal,
    progress: (bytesDone) => parent.send({ type: 'progress', id: order.id, bytesDone }),
  })
    .then((report) => parent.send({ type: 'copied', id: order.id, report }))
    .catch((thrown: unknown) => {
      const error = toCacheError(thrown);
      parent.send({ type: 'failed', id: order.id, code: error.code, message: error.message });
    })
    .finally(() => running.delete(order.id));
});

/** Copying is never as urgent as a lookup or the program that loads. Only Linux has a priority for each thread. */
function giveWay(): void {
  if (isMainThread || process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
}
