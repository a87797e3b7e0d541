import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { memoLimitOf } from '../config/bound.ts';
import { MemoBounds } from '../config/memo-bounds.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import type { Config } from '../config/types.ts';
import type { RedisServers } from '../core/redis-servers.ts';
import { Memo } from '../memo/memo.ts';
import { Embedder } from '../memo/similar/embedder.ts';
import { fingerprintOf } from '../roots/fingerprint-of.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { PosixTier } from '../tiers/tier.ts';
import type { Speeds } from '../usage/speeds.ts';
import type { Context } from './context.ts';

export interface MemoParts extends Context {
  catalog: Catalog;
  settings: Pick<ServedSettings, 'current' | 'memoMode' | 'describe' | 'onChange' | 'guardResults'>;
  /** The tier of the cache directory. */
  tier: Pick<PosixTier, 'name' | 'dir' | 'state' | 'capacity'>;
  bound(): { floor: number };
  sources: Pick<SourceRoots, 'locate' | 'stat'>;
  speeds: Speeds;
  /** Grace period of limits that were lowered between two runs, ms. */
  graceMs?: number | undefined;
}

/** The plane of results, in a folder of the cache directory with a marker and a limit of its own. */
export function openMemo(parts: MemoParts): { memo: Memo; memoBounds: MemoBounds } {
  const { catalog, settings, tier, bound, sources, speeds, opened } = parts;
  const boundOf = ({ memoItems, memoLimit }: Pick<Config, 'memoItems' | 'memoLimit'>) => ({
    items: memoItems,
    limit: memoLimitOf(memoLimit, tier.capacity().size),
  });
  const memoBounds: MemoBounds = new MemoBounds({
    ...parts,
    saved: catalog.settings,
    asked: () => boundOf(settings.current),
    held: () => memo.manage.held(),
    leavingUnder: (limits) => memo.manage.leavingUnder(limits),
    trim: () => void memo.manage.trim(),
  });
  const memo: Memo = new Memo({
    ...parts,
    dir: join(tier.dir, 'memo'),
    state: () => tier.state(),
    mode: () => settings.memoMode(),
    bound: () => ({ ...memoBounds.inForce, floor: bound().floor }),
    // Room that copies have reserved and not written yet is not free.
    free: () => tier.capacity().free - catalog.placements.totals(tier.name).reserved,
    ramBytes: settings.current.memoRam,
    times: () => ({ ttlMs: settings.current.memoTtlMs, staleMs: settings.current.memoStaleMs }),
    maxValue: () => settings.current.memoMaxValue,
    speed: () => speeds.ofTier(tier.name),
    embedder: embedderOf(parts),
    shared: sharedWith(settings.current),
    fingerprintOf: (path) => fingerprintOf(sources, path),
  });
  opened.defer(() => memo[Symbol.asyncDispose]());
  opened.defer(() => memoBounds[Symbol.dispose]());
  settings.guardResults((limits) => memo.manage.leavingUnder(boundOf(limits)));
  return { memo, memoBounds };
}

function embedderOf({ settings, clock, log }: MemoParts): Embedder | null {
  const { embeddingsUrl: url, embeddingsModel: model, embeddingsKeyFile: keyFile } = settings.current;
  return url === null ? null : new Embedder({ url, model, keyFile, clock, log });
}

/** Hosts of a farm share results too, unless these have a Redis of their own. */
function sharedWith({ memoRedis, farm }: Pick<Config, 'memoRedis' | 'farm'>): { servers: RedisServers } | null {
  const servers = memoRedis ?? farm;
  return servers && { servers };
}
