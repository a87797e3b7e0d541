import type { ListedEntry } from '../../api/entries.ts';
import type { TierStats } from '../../api/stats.ts';
import { counted, formatBytes, formatCount, formatDuration, percent } from '../../core/format.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';
import { ago, entryName } from './words.ts';

interface Ram {
  /** Null = there is no RAM tier. */
  tier: TierStats | null;
  entries: ListedEntry[];
}

/** The page of `autocached status --ram`. */
export function ramPage({ tier, entries }: Ram, look: Look): string {
  if (tier === null) return 'there is no RAM tier; AUTOCACHE_RAM_DIR and AUTOCACHE_RAM_LIMIT switch it on';
  const { files, bytes, limit, hits, evictions, rejected, averageLoadMs, free, floor } = tier;
  const load = averageLoadMs === null ? '' : `, average load time ${formatDuration(averageLoadMs)}`;
  return [
    `${look.paint('bold', 'Models in memory')}: ${formatCount(files)}, ${formatBytes(bytes)} of ${formatBytes(limit)} (${percent(limit > 0 ? bytes / limit : 0)})`,
    `${counted(hits, 'hit')}, ${counted(evictions, 'eviction')}, ${formatCount(rejected)} rejected${load}`,
    `Memory of the system: ${formatBytes(free)} available (${formatBytes(floor)} kept free)`,
    ...(entries.length > 0 ? ['', models(entries, look)] : []),
  ].join('\n');
}

function models(entries: ListedEntry[], look: Look): string {
  const use = (entry: ListedEntry) => entry.use.find(({ tier }) => tier === 'ram');
  const copy = (entry: ListedEntry) => entry.copies.find(({ tier }) => tier === 'ram');
  return table(
    entries,
    [
      { title: 'NAME', value: entryName, shrinks: 'name' },
      { title: 'SIZE', value: (entry) => formatBytes(copy(entry)?.bytes ?? entry.size), align: 'right' },
      { title: 'HITS', value: (entry) => formatCount(use(entry)?.hits ?? 0), align: 'right' },
      { title: 'LOAD', value: (entry) => loadTime(use(entry)?.averageLoadMs ?? null), align: 'right' },
      { title: 'IN MEMORY', value: (entry) => since(copy(entry)?.createdAt ?? null) },
      { title: 'USED', value: (entry) => ago(entry.lastUsedAt) },
    ],
    look,
  );
}

const loadTime = (ms: number | null) => (ms === null ? '-' : formatDuration(ms));
const since = (at: string | null) => (at === null ? '-' : ago(at));
