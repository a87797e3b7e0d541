import type { Catalog } from '../catalog/catalog.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Evictor } from './evict.ts';

/** A file lies on the SSD or compressed in the cold tier, not in both for longer than it takes to go from one to the other. */
interface ColdDeps {
  catalog: Catalog;
  evictor: Evictor;
  tiers: Tiers;
  log: Log;
}

/** The compressed copy is there: the other one leaves, unless it has come into use meanwhile, and then the compressed one does. */
export async function dropAfterDemote(deps: ColdDeps, entryId: number): Promise<void> {
  const { catalog, evictor, tiers } = deps;
  const entry = catalog.entries.byId(entryId);
  const hot = catalog.copies.readyOf(entryId).find(({ tier }) => tier === 'ssd');
  if (!entry || !hot) return;
  const inUse = await evictor.openFiles(tiers.require(hot.tier));
  const left = evictor.use(hot, inUse) === null && (await evictor.evict(hot, entry, 'compressed')).removed;
  if (!left) await dropAfterRestore(deps, entryId, 'not needed');
}

/** The file is on the SSD: its compressed copy leaves. */
export async function dropAfterRestore({ catalog, evictor, log }: ColdDeps, entryId: number, why: string): Promise<void> {
  const entry = catalog.entries.byId(entryId);
  const cold = catalog.copies.ofEntry(entryId).filter(({ tier, state }) => tier === 'cold' && state !== 'copying');
  for (const copy of entry ? cold : []) {
    const outcome = entry && (await evictor.evict(copy, entry, why));
    if (outcome?.removed === false) log.warn({ path: copy.path, why: outcome.why }, 'a compressed copy stays beside its file');
  }
}
