import type { Demoter } from '../../src/placement/demoter.ts';
import { createRig, type Rig, type RigOptions } from './rig.ts';

/** The part of this rig that compresses its copies when the limit is nearly reached. */
export function demoterOf({ demoter }: Rig): Demoter {
  if (!demoter) throw new Error('the rig has no cold tier');
  return demoter;
}

/** A rig with copies of some files, the first one used longest ago; they are made without threads unless the options say so. */
export async function withCopies(files: Record<string, 'weights' | 'noise'>, size: number, options: RigOptions = {}) {
  const rig = createRig({ extra: ['cold'], workers: 'inline', ...options });
  const paths: string[] = [];
  for (const [name, kind] of Object.entries(files)) {
    const { path } = kind === 'weights' ? rig.weights(`loras/${name}`, size) : rig.source(`loras/${name}`, size);
    const job = await rig.copy(path);
    if (job.error) throw job.error;
    rig.catalog.usage.used(rig.file(path));
    paths.push(path);
  }
  return { rig, paths };
}

/** The tiers with a ready copy of this source. */
export function tiersOf({ catalog }: Rig, path: string): string[] {
  return catalog.copies.readyOf(catalog.entries.byPath(path)?.id ?? 0).map(({ tier }) => tier);
}
