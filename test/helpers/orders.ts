import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { vi } from 'vitest';
import type { CopyWorkers } from '../../src/jobs/workers.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import type { CopyOrder, DeriveOrder, JobOrder, ReportOf } from '../../src/transfer/messages.ts';
import type { Recipe } from '../../src/variants/recipe.ts';
import { fingerprintOf, writeModel } from './files.ts';
import { tempDir } from './temp-dir.ts';

type Needed = Pick<CopyOrder, 'id' | 'source' | 'temp' | 'path' | 'manifestPath'>;

/** An order to copy a source from a local disk, with nothing beside it. */
export function copyOrder(order: Needed & Partial<CopyOrder>): CopyOrder {
  return {
    kind: 'copy',
    network: false,
    shared: false,
    slow: false,
    identity: false,
    reread: false,
    reflinkCandidates: [],
    ...order,
  };
}

/** An order to make a variant of a local file, beside it, in the place of one that is there. */
export function deriveOrder(path: string, recipe: Partial<Recipe>, more: Partial<DeriveOrder> = {}): DeriveOrder {
  const dir = dirname(path);
  const place = join(dir, 'out', 'variant.safetensors');
  return {
    kind: 'derive',
    id: 1,
    source: { path, root: dir, rel: basename(path), category: 'diffusion_models', fingerprint: fingerprintOf(path) },
    temp: join(dir, 'temp.part'),
    path: place,
    origin: { path, seal: null },
    sha256: null,
    recipe: { to: null, fastMatmul: false, dropUnused: false, ...recipe },
    replaces: statSync(place, { bigint: true, throwIfNoEntry: false })?.mtimeNs.toString() ?? null,
    into: Number.MAX_SAFE_INTEGER,
    ...more,
  };
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
