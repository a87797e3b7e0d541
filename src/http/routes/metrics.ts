import type { FastifyInstance } from 'fastify';
import type { Gauge, Registry } from 'prom-client';
import type { StatsAnswer } from '../../api/stats.ts';
import { type StatsServices, statsOf } from '../stats.ts';

interface Series {
  name: string;
  help: string;
  labels?: readonly string[];
  /** One value, or one for each set of labels. */
  read(stats: StatsAnswer, services: StatsServices): number | [Record<string, string>, number][];
}

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

const latency = (outcome: 'hit' | 'miss'): [Record<string, string>, (stats: StatsAnswer) => number][] =>
  (['p50', 'p95', 'p99'] as const).map((quantile) => [
    { outcome, quantile },
    (stats: StatsAnswer) => stats.latencyMs[outcome][quantile] / 1000,
  ]);

const series: readonly Series[] = [
  { name: 'autocached_uptime_seconds', help: 'Time since the start', read: (stats) => stats.uptimeMs / 1000 },
  { name: 'autocached_hits_total', help: 'Loads answered with a copy', read: (stats) => stats.hits },
  {
    name: 'autocached_misses_total',
    help: 'Loads answered with the source although a copy was wanted',
    read: (stats) => stats.misses,
  },
  { name: 'autocached_hit_bytes_total', help: 'Bytes of the loads answered with a copy', read: (stats) => stats.hitBytes },
  { name: 'autocached_miss_bytes_total', help: 'Bytes of the missed loads', read: (stats) => stats.missBytes },
  { name: 'autocached_copied_bytes_total', help: 'Bytes written to the SSD', read: (stats) => stats.bytesCopied },
  { name: 'autocached_evictions_total', help: 'Copies that left', read: (stats) => stats.evictions },
  { name: 'autocached_seconds_saved_total', help: 'Estimated seconds of loading saved', read: (stats) => stats.secondsSaved },
  {
    name: 'autocached_mismatched_sources',
    help: 'Sources that are not what is published beside them',
    read: (stats) => stats.mismatched,
  },
  {
    name: 'autocached_lookups',
    help: 'Lookups since the start, by reason',
    labels: ['reason'],
    read: (_stats, { lookupStats }) => [...lookupStats.byReason].map(([reason, count]) => [{ reason }, count]),
  },
  {
    name: 'autocached_lookup_seconds',
    help: 'Time in the daemon of the last lookups',
    labels: ['outcome', 'quantile'],
    read: (stats) => [...latency('hit'), ...latency('miss')].map(([labels, of]) => [labels, of(stats)]),
  },
  {
    name: 'autocached_accounting',
    help: '1 until what lies in the cache is accounted for; no copy starts before',
    read: (stats) => Number(stats.accounting !== null),
  },
  { name: 'autocached_jobs_running', help: 'Copies that are running', read: (stats) => stats.jobs.running },
  { name: 'autocached_jobs_queued', help: 'Copies waiting', read: (stats) => stats.jobs.queued },
  {
    name: 'autocached_roots',
    help: 'Roots, by health',
    labels: ['health'],
    read: ({ roots }) =>
      ['ok', 'away', 'unknown'].map((health) => [{ health }, roots.filter((root) => root.health === health).length]),
  },
  tierSeries('files', 'Copies in the tier', 'files'),
  tierSeries('bytes', 'Bytes of the copies', 'bytes'),
  tierSeries('represented_bytes', 'Bytes of the models that the copies are of', 'represented'),
  tierSeries('reserved_bytes', 'Bytes reserved for running copies', 'reserved'),
  tierSeries('limit_bytes', 'Most bytes the tier may hold', 'limit'),
  tierSeries('free_bytes', 'Free bytes of the volume', 'free'),
  tierSeries('floor_bytes', 'Free bytes kept free', 'floor'),
];

interface Gauges {
  registry: Registry;
  gauges: { one: Series; gauge: Gauge }[];
}

/** Prometheus text. Figures only: no path and no name of a file is in it. */
export function metricsRoutes(app: FastifyInstance, services: StatsServices): void {
  let opened: Promise<Gauges> | undefined;
  app.get('/metrics', async (_request, reply) => {
    opened ??= openGauges();
    const { registry, gauges } = await opened;
    const stats = statsOf(services);
    for (const { one, gauge } of gauges) {
      const read = one.read(stats, services);
      if (typeof read === 'number') gauge.set(read);
      else for (const [labels, value] of read) gauge.set(labels, value);
    }
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

/** A daemon that nobody asks for metrics starts without what they take to load. */
async function openGauges(): Promise<Gauges> {
  const { Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const gauges = series.map((one) => ({
    one,
    gauge: new Gauge({ name: one.name, help: one.help, labelNames: [...(one.labels ?? [])], registers: [registry] }),
  }));
  return { registry, gauges };
}
