import type { Catalog } from '../catalog/catalog.ts';
import type { LoadedConfig } from '../config/config.ts';
import type { Mode } from '../core/types.ts';
import { CatalogLedger } from '../shared/catalog-ledger.ts';
import { RedisLedger, storeNameOf } from '../shared/redis-ledger.ts';
import { SharedTier } from '../shared/shared-tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Speeds } from '../usage/speeds.ts';
import type { Context } from './context.ts';
import type { FarmLink } from './farm.ts';

export interface SharedParts extends Context {
  catalog: Catalog;
  tiers: Tiers;
  speeds: Speeds;
  mode(): Mode;
  /** Null = the catalog keeps its counts. */
  farm: FarmLink | null;
}

/** The shared store; null when none is configured. */
export function openShared({ config, environment }: LoadedConfig, parts: SharedParts): SharedTier | null {
  const { shared: store } = config;
  if (store === null) return null;
  const { farm, catalog, speeds, clock, opened } = parts;
  const tier = new SharedTier({
    ...parts,
    store,
    environment,
    ledger: farm
      ? new RedisLedger(farm.redis, { farm: farm.name, host: farm.host, store: storeNameOf(store.at) })
      : new CatalogLedger(catalog, () => clock.now()),
    speedOf: (root, medium) => speeds.of(root, medium),
    now: () => clock.now(),
  });
  opened.defer(() => tier[Symbol.asyncDispose]());
  tier.begin();
  return tier;
}
