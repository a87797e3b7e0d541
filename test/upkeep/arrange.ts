import { reconcile } from '../../src/upkeep/reconcile.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

/** The report when all agrees. */
export const nothing = { temps: 0, halves: 0, forgotten: 0, adopted: 0, resumable: 0 };

/** A rig with one copy in service. */
export async function withCopy(rel = 'loras/a.safetensors', size = 1000) {
  const rig = createRig({ workers: 'inline' });
  const { path, bytes } = rig.source(rel, size);
  await rig.copy(path);
  const copy = theCopy(rig);
  return { rig, path, bytes, copy, place: rig.tier.placeOf(rig.root, rel) };
}

export function theCopy(rig: Rig) {
  const [copy] = rig.catalog.copies.inState('ready');
  if (!copy) throw new Error('there is no copy in service');
  return copy;
}

/** What the next start of the daemon finds and makes of it. */
export async function restart(rig: Rig, between: () => void = () => {}) {
  await rig.close();
  between();
  const next = createRig({ dir: rig.dir });
  return { next, report: await reconcile(next) };
}
