import { join } from 'node:path';
import { inMemory } from '../../src/tiers/in-memory.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { createLookupRig, type LookupRigOptions } from './lookup-rig.ts';
import { tempDir } from './temp-dir.ts';

/** The lookup rig with a RAM tier. `memory` sets the size of its memory, and only copies use that. */
export async function createRamRig(options: LookupRigOptions = {}) {
  const dir = tempDir();
  const memory = { total: 1e9, available: 1e9 };
  let held = () => 0;
  const plain = openPosixTier('ram', join(dir, 'ram'));
  const capacity = () => ({ size: 1e9, free: 1e9 - held() });
  const tier = await inMemory({ ...plain, capacity }, async () => ({ ...memory }));
  const rig = createLookupRig({ ...options, dir, memory: tier });
  held = () => rig.catalog.placements.totals('ram').bytes;
  const { promotion, ramKeeper } = rig;
  if (!promotion || !ramKeeper) throw new Error('the rig has no RAM tier');
  const warned: unknown[] = [];
  rig.log.warn = (fields: unknown) => warned.push(fields);
  /** A source with copies on the SSD and in memory. */
  const inRam = async (rel: string, size: number) => {
    const { path, bytes } = rig.source(rel, size);
    await rig.copy(path);
    await rig.copy(path, 'ram');
    return { path, bytes, copy: tier.placeOf(rig.root, rel).path };
  };
  const inMemoryNow = () => {
    const copies = rig.catalog.copies.inState('ready').filter((copy) => copy.tier === 'ram');
    return copies.map((copy) => rig.catalog.entries.byId(copy.entryId)?.rel).sort();
  };
  return { ...rig, promotion, keeper: ramKeeper, memory, ram: tier, warned, inRam, inMemoryNow };
}
