import { join } from 'node:path';
import { vi } from 'vitest';
import type { CopyWorkers } from '../../src/jobs/workers.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import type { CopyOrder, JobOrder, ReportOf } from '../../src/transfer/messages.ts';
import { writeModel } from './files.ts';
import { tempDir } from './temp-dir.ts';

type Needed = Pick<CopyOrder, 'id' | 'source' | 'temp' | 'path' | 'manifestPath'>;

/** An order to copy a source from a local disk, with nothing beside it. */
export function copyOrder(order: Needed & Partial<CopyOrder>): CopyOrder {
  return { kind: 'copy', network: false, shared: false, identity: false, reread: false, reflinkCandidates: [], ...order };
}

/** A folder with one model of `size` bytes, a tier, and the place of its copy there. */
export function oneModel(size: number) {
  const dir = tempDir();
  const root = join(dir, 'models');
  const rel = join('checkpoints', 'a.safetensors');
  const path = join(root, rel);
  const bytes = writeModel(path, size);
  const tier = openPosixTier('ssd', join(dir, 'cache'));
  return { dir, root, rel, path, bytes, tier, place: tier.placeOf(root, rel) };
}

/** Copies do not become hard links from here on, until `mockRestore` is called. */
export function withoutLinks(workers: CopyWorkers) {
  const { run } = workers;
  const other = <O extends JobOrder>(order: O, options: Parameters<typeof run>[1]) =>
    order.kind === 'link' ? Promise.resolve(null as ReportOf<O>) : run.call(workers, order, options);
  return vi.spyOn(workers, 'run').mockImplementation(other as typeof run);
}
