import { Counter, Gauge, Registry, Summary } from 'prom-client';
import type { StatsAnswer } from '../api/stats.ts';
import { rootHealths } from '../core/vocabulary.ts';
import type { LookupStats } from '../lookup/stats.ts';
import { farmSeries } from './farm-metrics.ts';
import { memoSeries } from './memo-metrics.ts';
import { presetSeries } from './preset-metrics.ts';
import type { Series } from './series.ts';
import type { StatsServices } from './stats.ts';

const tierSeries = (
  name: string,
  help: string,
  key: 'files' | 'bytes' | 'represented' | 'reserved' | 'limit' | 'free' | 'floor',
): Series => ({
  name: `autocached_tier_${name}`,
  help,
  labels: ['tier'],
  read: ({ tiers }) => tiers.map((tier) => [{ tier: tier.tier }, tier[key]]),
});

const tierCounter = (name: string, help: string, key: 'hits' | 'evictions' | 'rejected'): Series => ({
  counts: true,
  name: `autocached_tier_${name}_total`,
  help,
  labels: ['tier'],
  read: ({ tiers }) => tiers.map((tier) => [{ tier: tier.tier }, tier[key]]),
});

const series: readonly Series[] = [
  { name: 'autocached_uptime_seconds', help: 'Time since the start', read: (stats) => stats.uptimeMs / 1000 },
  { counts: true, name: 'autocached_hits_total', help: 'Loads answered with a copy', read: (stats) => stats.hits },
  {
    counts: true,
    name: 'autocached_misses_total',
    help: 'Loads answered with the source although a copy was wanted',
    read: (stats) => stats.misses,
  },
  {
    counts: true,
    name: 'autocached_hit_bytes_total',
    help: 'Bytes of the loads answered with a copy',
    read: (stats) => stats.hitBytes,
  },
  { counts: true, name: 'autocached_miss_bytes_total', help: 'Bytes of the missed loads', read: (stats) => stats.missBytes },
  { counts: true, name: 'autocached_copied_bytes_total', help: 'Bytes written to the SSD', read: (stats) => stats.bytesCopied },
  { counts: true, name: 'autocached_evictions_total', help: 'Copies that left', read: (stats) => stats.evictions },
  {
    counts: true,
    name: 'autocached_seconds_saved_total',
    help: 'Estimated seconds of loading saved',
    read: (stats) => stats.secondsSaved,
  },
  {
    name: 'autocached_mismatched_sources',
    help: 'Sources that differ from the SHA-256 published beside them',
    read: (stats) => stats.mismatched,
  },
  {
    counts: true,
    name: 'autocached_lookups',
    help: 'Lookups since the start, by reason',
    labels: ['reason'],
    read: (_stats, { lookupStats }) => [...lookupStats.byReason].map(([reason, count]) => [{ reason }, count]),
  },
  {
    name: 'autocached_accounting',
    help: '1 until the files in the cache are accounted for; no copy starts before',
    read: (stats) => Number(stats.accounting !== null),
  },
  { name: 'autocached_jobs_running', help: 'Copies that are running', read: (stats) => stats.jobs.running },
  { name: 'autocached_jobs_queued', help: 'Copies waiting', read: (stats) => stats.jobs.queued },
  {
    name: 'autocached_roots',
    help: 'Roots, by health',
    labels: ['health'],
    read: ({ roots }) => rootHealths.map((health) => [{ health }, roots.filter((root) => root.health === health).length]),
  },
  { name: 'autocached_variants', help: 'Variants, with those on their way', read: (stats) => stats.variants?.files ?? 0 },
  {
    name: 'autocached_variant_bytes',
    help: 'Bytes of the limit that variants hold or have reserved',
    read: (stats) => stats.variants?.bytes ?? 0,
  },
  tierCounter('hits', 'Loads that the tier answered', 'hits'),
  tierCounter('evictions', 'Copies that left the tier', 'evictions'),
  tierCounter(
    'rejected',
    'Copies that were not made in the tier: no room, or worthier ones would have had to leave',
    'rejected',
  ),
  tierSeries('files', 'Copies in the tier', 'files'),
  tierSeries('bytes', 'Bytes of the copies', 'bytes'),
  tierSeries('represented_bytes', 'Bytes of the models that the copies are of', 'represented'),
  tierSeries('reserved_bytes', 'Bytes reserved for running copies', 'reserved'),
  tierSeries('limit_bytes', 'Most bytes the tier may hold', 'limit'),
  tierSeries('free_bytes', 'Free bytes of the volume', 'free'),
  tierSeries('floor_bytes', 'Free bytes kept free', 'floor'),
];

/** The text for Prometheus. Only figures: it contains no path or file name. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #series: { read: Series['read']; set: Setter }[];

  constructor({ lookupStats, memo }: Pick<StatsServices, 'lookupStats' | 'memo'>) {
    const registers = [this.#registry];
    this.#series = [...series, ...memoSeries, ...presetSeries, ...farmSeries].map(
      ({ counts, name, help, labels = [], read }) => {
        const options = { name, help, labelNames: [...labels], registers };
        return { read, set: counts ? following(new Counter(options)) : setting(new Gauge(options)) };
      },
    );
    const { latency } = lookupStats;
    new Seconds('autocached_lookup_seconds', 'Time in the daemon of lookups', { latency, registers });
    const served = memo.served.latency;
    new Seconds('autocached_memo_get_seconds', 'Time in the daemon of questions for results', { latency: served, registers });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(stats: StatsAnswer, services: StatsServices): Promise<string> {
    for (const { read, set } of this.#series) {
      const value = read(stats, services);
      if (typeof value === 'number') set({}, value);
      else for (const [labels, one] of value) set(labels, one);
    }
    return this.#registry.metrics();
  }
}

type Setter = (labels: Record<string, string>, value: number) => void;

function setting(gauge: Gauge): Setter {
  return (labels, value) => gauge.set(labels, value);
}

/** Adds the growth of a sum. A sum that shrinks (its catalog was lost) starts over; the counter stays where it is. */
function following(counter: Counter): Setter {
  const seen = new Map<string, number>();
  return (labels, value) => {
    const key = Object.values(labels).join();
    counter.inc(labels, Math.max(0, value - (seen.get(key) ?? 0)));
    seen.set(key, value);
  };
}

/** Hits and misses of one kind of question. The quantiles are those of the last ones; count and sum cover all since the start. */
class Seconds extends Summary<'outcome'> {
  readonly #latency: LookupStats['latency'];

  constructor(name: string, help: string, { latency, registers }: { latency: LookupStats['latency']; registers: Registry[] }) {
    super({ name, help, labelNames: ['outcome'], registers });
    this.#latency = latency;
  }

  override async get() {
    const metric = await super.get();
    const values = (['hit', 'miss'] as const).flatMap((outcome) => {
      const percentiles = this.#latency[outcome].percentiles();
      const { count, ms } = this.#latency[outcome].total();
      return [
        ...Object.entries(quantiles).map(([quantile, key]) => ({
          labels: { outcome, quantile },
          value: percentiles[key] / 1000,
        })),
        { metricName: `${metric.name}_sum`, labels: { outcome }, value: ms / 1000 },
        { metricName: `${metric.name}_count`, labels: { outcome }, value: count },
      ];
    });
    return { ...metric, values };
  }
}

const quantiles = { '0.5': 'p50', '0.95': 'p95', '0.99': 'p99' } as const;
