import { vi } from 'vitest';
import type { CopyWorkers } from '../../src/jobs/workers.ts';
import type { CopyOrder, JobOrder, ReportOf } from '../../src/transfer/messages.ts';

type Needed = Pick<CopyOrder, 'id' | 'source' | 'temp' | 'path' | 'manifestPath'>;

/** An order to copy a source from a local disk, with nothing beside it. */
export function copyOrder(order: Needed & Partial<CopyOrder>): CopyOrder {
  return { kind: 'copy', network: false, shared: false, identity: false, reread: false, reflinkCandidates: [], ...order };
}

/** From now on no copy becomes a hard link, until `mockRestore` is called. */
export function withoutLinks(workers: CopyWorkers) {
  const { run } = workers;
  const other = <O extends JobOrder>(order: O, options: Parameters<typeof run>[1]) =>
    order.kind === 'link' ? Promise.resolve(null as ReportOf<O>) : run.call(workers, order, options);
  return vi.spyOn(workers, 'run').mockImplementation(other as typeof run);
}
