import { constants, setPriority } from 'node:os';
import { isThread, serveParent } from '../runtime/peer.ts';
import { setPoolPriority } from '../runtime/pool-threads.ts';
import { spending } from '../sources/spending.ts';
import type { CopyHooks } from './each-block.ts';
import type { CopyTerms, CopyWatcher, CopyWorker, JobOrder, ReportOf } from './messages.ts';
import { probeSource } from './probe-source.ts';
import { runCopyJob } from './run-copy-job.ts';

/** The entry of a copy worker, as a thread or as a process. Takes orders one after the other or several at once. */
const parent = serveParent<CopyWatcher, CopyWorker>({
  run,
  probe: (order) => probeSource(order, { onRead: () => parent.tell.progress(order.id, 0) }).finally(tellSpent),
  cancel: (id) => change(id, (job) => job.abort.abort()),
  hurry: (id, urgent) =>
    change(id, (job) => {
      job.urgent = urgent;
      giveWay();
    }),
  pace: (id, paced) =>
    change(id, (job) => {
      job.paced = paced;
    }),
});

interface Running extends CopyTerms {
  abort: AbortController;
  /** Ends the wait for the next step, if there is one. */
  go: () => void;
}

const running = new Map<number, Running>();

/** Minimum number of bytes copied between two messages. */
const oneStep = 1024 * 1024;

async function run(order: JobOrder, terms: CopyTerms): Promise<ReportOf<JobOrder>> {
  const { id } = order;
  const job: Running = { ...terms, abort: new AbortController(), go: () => {} };
  running.set(id, job);
  giveWay();
  const hooks: CopyHooks = {
    signal: job.abort.signal,
    progress(bytesDone) {
      if (!poolGivesWay) lowerPool();
      spending.tellNowAndThen(parent.tell.spent);
      // For a file of one step, the report is enough.
      if (order.source.fingerprint.size > oneStep) parent.tell.progress(id, bytesDone);
    },
    resuming: (from) => parent.tell.resuming(id, from),
    paced: () => job.paced,
    urgent: () => job.urgent,
    farm: (note) => parent.call.farm(id, note),
    async ask(bytes, from) {
      if (job.abort.signal.aborted) return;
      const freed = new Promise<void>((resolve) => {
        job.go = resolve;
      });
      await Promise.race([parent.call.ask(id, bytes, from), freed]);
    },
  };
  try {
    return await runCopyJob(order, hooks);
  } finally {
    running.delete(id);
    tellSpent();
  }
}

function tellSpent(): void {
  spending.tell(parent.tell.spent);
}

/** Changes a running job. A job that waits for a step continues when it is cancelled or no longer paced. */
function change(id: number, how: (job: Running) => void): void {
  const job = running.get(id);
  if (!job) return;
  how(job);
  if (!job.paced || job.abort.signal.aborted) job.go();
}

let poolGivesWay = false;

/** The threads that read and write compute little, but with a fast disk they do so at the expense of lookups. */
function lowerPool(): void {
  poolGivesWay = true;
  try {
    setPoolPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // They keep their priority.
  }
}

/**
 * A background copy is never as urgent as a lookup or the loading program. Only Linux has a priority per thread, and only a
 * privileged user may raise it again.
 */
function giveWay(): void {
  if (isThread && process.platform !== 'linux') return;
  const { PRIORITY_BELOW_NORMAL, PRIORITY_NORMAL } = constants.priority;
  try {
    setPriority([...running.values()].some(({ urgent }) => urgent) ? PRIORITY_NORMAL : PRIORITY_BELOW_NORMAL);
  } catch {
    // The priority stays low.
  }
}
