import type { Catalog } from '../catalog/catalog.ts';
import type { Entry, Mode } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Policy } from '../policy/policy.ts';
import type { Disposal } from '../runtime/disposal.ts';
import type { Log } from '../runtime/log.ts';
import type { Evictor } from '../space/evict.ts';
import type { Bound } from '../space/make-room.ts';
import type { MemoryTier } from '../tiers/in-memory.ts';
import type { Tier } from '../tiers/tier.ts';
import { Promotion } from './promotion.ts';
import { RamKeeper } from './ram-keeper.ts';

export interface RamDeps {
  catalog: Catalog;
  evictor: Evictor;
  copier: Copier;
  tier: MemoryTier;
  policy(): Policy;
  bound(tier: Tier): Bound;
  mode(): Mode;
  unitOf(entry: Entry): Entry[];
  log: Log;
}

/** What goes into the RAM tier (`Promotion`) and what has to leave it (`RamKeeper`), at work until `opened` is disposed. */
export function startRam({ copier, ...deps }: RamDeps, opened: Disposal): Promotion {
  const promotion = new Promotion({
    ...deps,
    requestCopy: (request) => copier.request(request),
    recentFailure: (path) => copier.failures.recent(path, 'ram'),
    activeJob: (path, tier) => copier.activeJob(path, tier),
  });
  const keeper = new RamKeeper({ ...deps, outstanding: () => 0 });
  opened.defer(() => promotion[Symbol.asyncDispose]());
  opened.defer(() => keeper[Symbol.asyncDispose]());
  keeper.start();
  return promotion;
}
