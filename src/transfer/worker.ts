import { constants, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { toCacheError } from '../core/errors.ts';
import { parentPeer } from '../runtime/peer.ts';
import type { CopyHooks } from './each-block.ts';
import { linkDuplicate } from './link-duplicate.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { runCopyJob } from './run-copy-job.ts';

/** The entry of a copy worker, as a thread or as a process: takes orders one after the other or several at once. */
const parent = parentPeer<FromWorker, ToWorker>();
const running = new Map<number, Running>();

interface Running {
  abort: AbortController;
  paced: boolean;
  /** Somebody waits for it. */
  urgent: boolean;
  /** Lets the step begin that was asked for. */
  go: () => void;
}

parent.onMessage((message) => {
  if (message.type === 'copy' || message.type === 'link') {
    take(message);
    return;
  }
  const job = running.get(message.id);
  if (!job) return;
  if (message.type === 'pace') job.paced = message.paced;
  if (message.type === 'cancel') job.abort.abort();
  if (message.type === 'hurry') {
    job.urgent = true;
    giveWay();
    return;
  }
  if (message.type !== 'pace' || !message.paced) job.go();
});

function take({ type, order, paced, urgent }: Extract<ToWorker, { type: 'copy' | 'link' }>): void {
  const { id } = order;
  const job: Running = { abort: new AbortController(), paced, urgent, go: () => {} };
  running.set(id, job);
  giveWay();
  const hooks: CopyHooks = {
    signal: job.abort.signal,
    progress: (bytesDone) => parent.send({ type: 'progress', id, bytesDone }),
    resuming: (from) => parent.send({ type: 'resuming', id, from }),
    paced: () => job.paced,
    ask: (bytes) =>
      new Promise((resolve) => {
        job.go = resolve;
        parent.send({ type: 'ask', id, bytes });
      }),
  };
  const work =
    type === 'copy'
      ? runCopyJob(order, hooks).then((report) => parent.send({ type: 'copied', id, report }))
      : linkDuplicate(order, hooks).then((report) => parent.send({ type: 'linked', id, report }));
  work
    .catch((thrown: unknown) => {
      const error = toCacheError(thrown);
      parent.send({ type: 'failed', id, code: error.code, message: error.message });
    })
    .finally(() => running.delete(id));
}

/**
 * A copy that nobody waits for is never as urgent as a lookup or the program that loads. Only Linux has a priority for each thread,
 * and only a privileged user may take a lower one back.
 */
function giveWay(): void {
  if (!isMainThread && process.platform !== 'linux') return;
  const { PRIORITY_BELOW_NORMAL, PRIORITY_NORMAL } = constants.priority;
  try {
    setPriority([...running.values()].some(({ urgent }) => urgent) ? PRIORITY_NORMAL : PRIORITY_BELOW_NORMAL);
  } catch {
    // It stays low.
  }
}
