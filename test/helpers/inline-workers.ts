import type { CopyOrder, CopyReport } from '../../src/copy/messages.ts';
import { runCopyJob } from '../../src/copy/run-copy-job.ts';
import { CopyWorkers, type RunOptions } from '../../src/copy/workers.ts';

/** Copies for real, but on the test's own thread: starting one takes longer than most tests. */
export class InlineWorkers extends CopyWorkers {
  #running = new Map<number, AbortController>();

  override async run(order: CopyOrder, { progress, resuming, ask, paced }: RunOptions): Promise<CopyReport> {
    const abort = new AbortController();
    this.#running.set(order.id, abort);
    try {
      return await runCopyJob(order, { progress, resuming, ask, paced: () => paced, signal: abort.signal });
    } finally {
      this.#running.delete(order.id);
    }
  }

  override cancel(id: number): void {
    this.#running.get(id)?.abort();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const abort of this.#running.values()) abort.abort();
  }
}
