import type { Catalog } from '../catalog/catalog.ts';
import { sharesQuota } from '../core/tier-traits.ts';
import type { Copy } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Evictor } from './evict.ts';

/** Under one limit a file is plain or compressed; both only while it changes from one to the other. */
interface ColdDeps {
  catalog: Catalog;
  evictor: Evictor;
  tiers: Tiers;
  log: Log;
}

type Placed = Pick<Copy, 'entryId' | 'tier'>;

/** After compressing: the plain copy leaves. If it has come into use meanwhile, the compressed copy leaves instead. */
export async function dropAfterDemote(deps: ColdDeps, compressed: Placed): Promise<void> {
  const { catalog, evictor, tiers } = deps;
  const entry = catalog.entries.byId(compressed.entryId);
  const beside = (copy: Copy) => copy.form === 'plain' && sharesQuota(copy.tier, compressed.tier);
  const hot = catalog.copies.readyOf(compressed.entryId).find(beside);
  if (!entry || !hot) return;
  const inUse = await tiers.require(hot.tier).openFiles();
  const left = evictor.use(hot, inUse) === null && (await evictor.evict(hot, entry, 'compressed')).removed;
  if (!left) await dropAfterRestore(deps, hot, 'not needed');
}

/** After restoring: the compressed copy leaves. */
export async function dropAfterRestore({ catalog, evictor, log }: ColdDeps, plain: Placed, why: string): Promise<void> {
  const { entryId } = plain;
  const entry = catalog.entries.byId(entryId);
  const beside = ({ form, tier, state }: Copy) => form === 'compressed' && sharesQuota(tier, plain.tier) && state !== 'copying';
  for (const copy of entry ? catalog.copies.ofEntry(entryId).filter(beside) : []) {
    // It stays for the copies that stand on it.
    if (catalog.bases.dependents(copy.path).length > 0) continue;
    const outcome = entry && (await evictor.evict(copy, entry, why));
    if (outcome?.removed === false) log.warn({ path: copy.path, why: outcome.why }, 'a compressed copy stays beside its file');
  }
}
