import { CopyWorkers, type RunOptions } from '../../src/jobs/workers.ts';
import type { CopyHooks } from '../../src/transfer/each-block.ts';
import { linkDuplicate } from '../../src/transfer/link-duplicate.ts';
import type { CopyOrder, CopyReport, LinkReport } from '../../src/transfer/messages.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';

/** Copies for real, but on the test's own thread: starting one takes longer than most tests. */
export class InlineWorkers extends CopyWorkers {
  #running = new Map<number, AbortController>();

  override run(order: CopyOrder, options: RunOptions): Promise<CopyReport> {
    return this.#work(order, options, runCopyJob);
  }

  override link(order: CopyOrder, options: RunOptions): Promise<LinkReport | null> {
    return this.#work(order, options, linkDuplicate);
  }

  async #work<T>(
    order: CopyOrder,
    { progress, resuming, ask, paced, urgent }: RunOptions,
    work: (order: CopyOrder, hooks: CopyHooks) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    this.#running.set(order.id, abort);
    try {
      return await work(order, { progress, resuming, ask, paced: () => paced, urgent: () => urgent, signal: abort.signal });
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
