import type { DailyTotals, StatsAnswer, TierStats } from '../api/stats.ts';
import type { Services } from './services.ts';

/** How the cache does, from all rooms. */
export function statsOf(rooms: Services): StatsAnswer {
  const { catalog, lookupStats, copier, settings, tiers, clock } = rooms;
  const daily = catalog.usage.daily();
  const sum = (key: Exclude<keyof DailyTotals, 'day'>) => daily.reduce((total, day) => total + day[key], 0);
  const [hits, misses, hitBytes, missBytes] = [sum('hits'), sum('misses'), sum('hitBytes'), sum('missBytes')];
  return {
    version: rooms.version,
    pid: process.pid,
    mode: settings.mode(),
    policy: rooms.policy().name,
    dir: tiers.get('ssd')?.dir ?? '',
    uptimeMs: Math.round(clock.monotonic() - rooms.startedAt),
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
    tiers: tierStats(rooms),
    roots: rooms.roots.list(),
    jobs: copier.counts(),
    accounting: rooms.accounts.progress,
    stuck: rooms.openSources.list(),
    warnings: [...settings.warnings, ...rooms.roots.warnings],
    daily: daily.slice(-30),
  };
}

function tierStats({ tiers, catalog, bound }: Services): TierStats[] {
  return tiers.all().map((tier) => {
    const { limit, floor } = bound(tier);
    const { files, bytes: held, represented, reserved } = catalog.placements.totals(tier.name);
    const { free } = tier.capacity();
    return {
      tier: tier.name,
      files,
      bytes: held,
      represented,
      ratio: held > 0 ? represented / held : null,
      reserved,
      limit,
      free,
      floor,
      utilisation: limit > 0 ? (held + reserved) / limit : 0,
    };
  });
}

function share(part: number, rest: number): number | null {
  return part + rest === 0 ? null : part / (part + rest);
}
