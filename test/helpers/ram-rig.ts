import type { Entry } from '../../src/core/types.ts';
import { Promotion } from '../../src/placement/promotion.ts';
import { RamKeeper } from '../../src/placement/ram-keeper.ts';
import { policies } from '../../src/policy/policies.ts';
import { inMemory } from '../../src/tiers/in-memory.ts';
import { createLookupRig, type LookupRigOptions } from './lookup-rig.ts';
import { surroundings } from './rig.ts';

/** The lookup rig with a RAM tier that takes itself for memory of which `memory` tells how much there is. Copies are its only use. */
export async function createRamRig(options: LookupRigOptions = {}) {
  const rig = createLookupRig({ ...options, extra: ['ram', ...(options.extra ?? [])] });
  const ram = rig.tiers.require('ram');
  const memory = { total: 1e9, available: 1e9 };
  const held = () => rig.catalog.copies.totals('ram').bytes;
  const capacity = () => ({ size: 1e9, free: 1e9 - held() });
  // The rig holds the tier already: it is given the ways of memory where it is.
  const tier = Object.assign(ram, await inMemory({ ...ram, capacity }, async () => ({ ...memory })));
  const policy = () => policies[options.policy ?? 'lru'](surroundings);
  const bound = () => rig.bound;
  const warned: unknown[] = [];
  const log = Object.assign(Object.create(rig.log), { warn: (fields: unknown) => warned.push(fields) });
  const keeper = new RamKeeper({ ...rig, tier, policy, bound, outstanding: () => 0, log });
  const promotion = new Promotion({
    ...rig,
    tier,
    policy,
    bound,
    mode: () => rig.sources.mode,
    unitOf: (entry: Entry) => [entry],
    requestCopy: (request) => rig.copier.request(request),
    recentFailure: (path) => rig.copier.failures.recent(path, 'ram'),
    activeJob: (path, tier) => rig.copier.activeJob(path, tier),
  });
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
  return { ...rig, memory, ram: tier, keeper, promotion, warned, inRam, inMemoryNow };
}
