import type { DailyTotals, StatsAnswer, TierStats } from '../api/stats.ts';
import { defaultTier } from '../core/types.ts';
import type { Services } from './services.ts';
import { tierUseView } from './views.ts';

export type StatsServices = TierServices &
  Pick<
    Services,
    | 'daemon'
    | 'clock'
    | 'settings'
    | 'roots'
    | 'accounts'
    | 'lookupStats'
    | 'openSources'
    | 'copier'
    | 'limitKeeper'
    | 'written'
    | 'memo'
    | 'memoBounds'
    | 'presets'
    | 'farm'
    | 'sharedStore'
    | 'quotas'
    | 'variantsLimit'
  >;

type TierServices = Pick<Services, 'tiers' | 'catalog' | 'bound'>;

const mostOrphans = 20;

/** The state of the cache. */
export async function statsOf(services: StatsServices): Promise<StatsAnswer> {
  const { daemon, catalog, lookupStats, copier, limitKeeper, settings, clock } = services;
  const daily = catalog.usage.daily();
  const sum = (key: Exclude<keyof DailyTotals, 'day'>) => daily.reduce((total, day) => total + day[key], 0);
  const [hits, misses, hitBytes, missBytes] = [sum('hits'), sum('misses'), sum('hitBytes'), sum('missBytes')];
  return {
    version: daemon.version,
    pid: process.pid,
    command: daemon.command,
    mode: settings.mode(),
    policy: settings.current.policy,
    dir: daemon.cacheDir,
    uptimeMs: Math.round(clock.monotonic() - daemon.startedAt),
    lookups: lookupStats.lookups,
    hits,
    misses,
    hitRate: share(hits, misses),
    byteHitRate: share(hitBytes, missBytes),
    hitBytes,
    missBytes,
    evictions: sum('evictions'),
    bytesCopied: sum('bytesCopied'),
    secondsSaved: sum('secondsSaved'),
    mismatched: catalog.published.mismatches(),
    latencyMs: lookupStats.latencyMs(),
    tiers: tierStats(services),
    ...(services.sharedStore && { shared: services.sharedStore.view() }),
    ...quotaUse(services),
    ...variantUse(services),
    roots: services.roots.list(),
    jobs: copier.counts(),
    accounting: services.accounts.progress,
    orphans: services.accounts.orphans
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, mostOrphans)
      .map(({ path, bytes, isCopy }) => ({ path, bytes, purged: isCopy })),
    stuck: services.openSources.list(),
    written: writtenOf(await services.written.list()),
    warnings: [
      ...settings.warnings,
      ...[limitKeeper, services.memoBounds].flatMap(({ warning }) => warning ?? []),
      ...services.roots.warnings,
    ],
    memo: services.memo.manage.stats(),
    daily: daily.slice(-30),
  };
}

function tierStats({ tiers, catalog, bound }: TierServices): TierStats[] {
  return tiers.all().map((tier) => {
    const standing = catalog.bases.totals(tier.name);
    const { limit, floor } = bound(tier);
    const { files, bytes: held, represented, reserved } = catalog.placements.totals(tier.name);
    const outside = catalog.placements.outside(tier.name);
    const beside = tier.name === defaultTier ? outside + catalog.placements.variantBytes() : outside;
    const { free } = tier.capacity();
    return {
      tier: tier.name,
      state: tier.state(),
      files,
      bytes: held,
      represented,
      ratio: held > 0 ? represented / held : null,
      ...(standing.files > 0 && { standing }),
      reserved,
      ...tierUseView(catalog.usage.tiers.total(tier.name)),
      outside,
      limit,
      free,
      floor,
      utilisation: limit > 0 ? Math.min(1, (held + reserved + beside) / limit) : 0,
    };
  });
}

function quotaUse({ catalog, quotas }: Pick<Services, 'catalog' | 'quotas'>): Pick<StatsAnswer, 'quotas'> {
  const all = [...quotas()].map(([category, limit]) => {
    return { category, bytes: catalog.placements.usedByCategory(defaultTier, category), limit };
  });
  return all.length > 0 ? { quotas: all } : {};
}

function variantUse({ catalog, variantsLimit }: Pick<Services, 'catalog' | 'variantsLimit'>): Pick<StatsAnswer, 'variants'> {
  const files = catalog.variants.count();
  return files > 0 ? { variants: { files, bytes: catalog.placements.variantBytes(), limit: variantsLimit() } } : {};
}

function writtenOf(files: readonly { bytes: number }[]): StatsAnswer['written'] {
  return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function share(part: number, rest: number): number | null {
  return part + rest === 0 ? null : part / (part + rest);
}
