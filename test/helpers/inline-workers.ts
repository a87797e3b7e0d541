import { CopyWorkers, type RunOptions } from '../../src/jobs/workers.ts';
import type { JobOrder, ProbeOrder, ReportOf } from '../../src/transfer/messages.ts';
import { probeSource } from '../../src/transfer/probe-source.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';

/** Copies for real, but on the test's own thread: starting one takes longer than most tests. */
export class InlineWorkers extends CopyWorkers {
  #running = new Map<number, AbortController>();

  override async run<O extends JobOrder>(
    order: O,
    { progress, resuming, ask, paced, urgent }: RunOptions,
  ): Promise<ReportOf<O>> {
    const abort = new AbortController();
    this.#running.set(order.id, abort);
    try {
      return await runCopyJob(order, {
        progress,
        resuming,
        ask,
        paced: () => paced,
        urgent: () => urgent,
        signal: abort.signal,
      });
    } finally {
      this.#running.delete(order.id);
    }
  }

  override probe(order: ProbeOrder): Promise<void> {
    return probeSource(order);
  }

  override cancel(id: number): void {
    this.#running.get(id)?.abort();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const abort of this.#running.values()) abort.abort();
  }
}
