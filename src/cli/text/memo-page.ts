import type {
  MemoEntriesAnswer,
  MemoEntryView,
  MemoExplainAnswer,
  MemoFound,
  MemoNamespaceView,
  MemoRemoval,
  MemoSharedStats,
  MemoStats,
  MemoVerifyAnswer,
  MemoWarmAnswer,
} from '../../api/memo.ts';
import type { MemoComparisons } from '../../api/memo-comfyui.ts';
import { counted, formatBytes, formatCount, formatDuration, percent, resultCostText } from '../../core/format.ts';
import { escapedJson, plain } from '../../core/printable.ts';
import { usageBar } from './bar.ts';
import { widthOf, wrap } from './fit.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';
import { ago } from './words.ts';

const widest = 120;

/** The page of `autocached memo status`. */
export function memoStatusPage(stats: MemoStats, namespaces: MemoNamespaceView[], look: Look): string {
  const { bytes, limit, current_items: items, max_items: mostItems, ram } = stats;
  const width = Math.min(look.width ?? widest, widest);
  const share = limit > 0 ? bytes / limit : 0;
  const off = stats.mode === 'on' ? [] : [look.paint('yellow', `results are ${stats.mode}: AUTOCACHE_MEMO, AUTOCACHE_MODE`)];
  const away = stats.state === 'here' ? [] : [look.paint('yellow', `the cache disk is ${stats.state}`)];
  const lines = [
    look.paint('bold', 'Results'),
    ...off,
    ...away,
    `  ${usageBar({ used: share, reserved: stats.reserved / Math.max(1, limit) }, width - 12, look)} ${percent(share).padStart(6)}`,
    `  ${formatBytes(bytes)} of ${formatBytes(limit)} in ${formatCount(items)} of ${counted(mostItems, 'result')}`,
    `  ${formatBytes(ram.bytes)} of ${formatBytes(ram.limit)} in memory`,
    `  hits     ${hitsText(stats)}`,
    `  stored   ${formatCount(stats.stores)}; ${formatCount(stats.rejected)} not stored, ${formatCount(stats.evictions)} evicted`,
    `  saved    ${formatDuration(stats.secondsSaved * 1000)} of computing`,
  ];
  if (stats.refusedLate > 0)
    lines.push(
      look.paint('yellow', `  refused  ${counted(stats.refusedLate, 'result')} that programs took for stored; see the log`),
    );
  lines.push(...comparedLines(stats.comparisons, look));
  if (stats.shared) lines.push(...sharedLines(stats, stats.shared, look));
  if (stats.computing > 0)
    lines.push(`  ${counted(stats.computing, 'key')} being computed, ${formatCount(stats.waiting)} waiting`);
  return [lines.join('\n'), ...(namespaces.length > 0 ? [namespaceTable(namespaces, look)] : [])].join('\n\n');
}

function hitsText({ hits, misses, hit_rate: rate, stale, coalesced, alike }: MemoStats): string {
  if (hits + misses === 0) return 'no questions yet';
  const words = alike > 0 ? `, ${formatCount(alike)} of a text in other words` : '';
  return `${rate} of ${counted(hits + misses, 'question')}; ${formatCount(stale)} stale, ${formatCount(coalesced)} waited for${words}`;
}

/** Outcome of computing outputs of ComfyUI's nodes again. */
function comparedLines({ agreed, disagreed, unrepeatable }: MemoComparisons, look: Look): string[] {
  if (agreed + disagreed === 0) return [];
  const other = disagreed === 0 ? 'all were equal' : `${formatCount(disagreed)} of them different`;
  const since = (at: number | null) => (at === null ? '' : `, ${ago(new Date(at).toISOString())}`);
  return [
    `  compared ${counted(agreed + disagreed, 'output')} of ComfyUI, ${other}`,
    ...unrepeatable.map(({ class: name, at }) =>
      look.paint('yellow', `  ${plain(name)} is not kept: it gave another output for the same inputs${since(at)}`),
    ),
  ];
}

/** The Redis that results are shared in. */
function sharedLines({ layers }: MemoStats, shared: MemoSharedStats, look: Look): string[] {
  const { state, why, hits, misses, skipped, failed, damaged, stored, refused, owed } = shared;
  const words = { up: 'is asked', connecting: 'is being connected to', away: `is left out: ${plain(why ?? '')}` };
  const troubles: [number, string][] = [
    [failed, `${formatCount(failed)} without an answer`],
    [skipped, `${formatCount(skipped)} not asked`],
    [damaged, counted(damaged, 'damaged value')],
    [refused, `${formatCount(refused)} refused`],
    [owed, `${counted(owed, 'change')} to tell`],
  ];
  const trouble = troubles.filter(([many]) => many > 0).map(([, words]) => words);
  const text = `  Redis    ${words[state]}`;
  return [
    `  found    ${formatCount(layers.ram)} in memory, ${formatCount(layers.disk)} on the disk, ${formatCount(layers.redis)} in Redis since the start`,
    state === 'away' ? look.paint('yellow', text) : text,
    `           ${formatCount(hits)} of ${counted(hits + misses, 'question')} hit, ${formatCount(stored)} written`,
    ...(trouble.length > 0 ? [`           ${trouble.join(', ')}`] : []),
  ];
}

function namespaceTable(namespaces: MemoNamespaceView[], look: Look): string {
  return table(
    namespaces,
    [
      { title: 'NAMESPACE', value: ({ name }) => name, shrinks: 'name' },
      { title: 'VERSION', value: ({ version }) => version || '-', shrinks: 'sentence' },
      { title: 'RESULTS', value: ({ items, settings }) => ofMost(items, settings.maxItems, formatCount), align: 'right' },
      { title: 'SIZE', value: ({ bytes, settings }) => ofMost(bytes, settings.maxBytes, formatBytes), align: 'right' },
    ],
    look,
  );
}

function ofMost(value: number, most: number | undefined, format: (value: number) => string): string {
  return most === undefined ? format(value) : `${format(value)} of ${format(most)}`;
}

export function memoListPage({ entries, total }: MemoEntriesAnswer, look: Look): string {
  if (entries.length === 0) return 'no result matches';
  const rows = table<MemoEntryView>(
    entries,
    [
      { title: 'NAMESPACE', value: ({ ns }) => ns, shrinks: 'sentence' },
      // Enough digits to tell results apart; `--json` has all of them.
      { title: 'KEY', value: ({ key }) => (look.width === null ? key : key.slice(0, 12)) },
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
      { title: 'COST', value: ({ costMs }) => (costMs === null ? '-' : formatDuration(costMs)), align: 'right' },
      { title: 'HITS', value: ({ hits }) => formatCount(hits), align: 'right' },
      { title: 'AGE', value: ({ ageMs }) => formatDuration(ageMs), align: 'right' },
      { title: 'FRESH', value: freshness, align: 'right' },
    ],
    look,
  );
  if (entries.length >= total) return rows;
  return `${rows}\n${look.paint('dim', `${formatCount(entries.length)} of ${counted(total, 'result')}; --limit shows more`)}`;
}

function freshness({ freshForMs }: MemoEntryView): string {
  if (freshForMs === null) return 'always';
  return freshForMs === 0 ? 'stale' : formatDuration(freshForMs);
}

/** The value itself, as a program would print it. */
export function memoFoundPage(found: MemoFound): string {
  if (found.state === 'miss') return 'no such result';
  if (found.files) return found.files.map(({ name, path }) => `${plain(name)}  ${plain(path)}`).join('\n');
  return found.path === undefined ? escapedJson(JSON.stringify(found.value, null, 2)) : plain(found.path);
}

export function memoExplainPage(
  { state, why, entry, shared, compared, deps, blobs, leavesAfter }: MemoExplainAnswer,
  look: Look,
): string {
  const colour = state === 'hit' ? 'green' : 'yellow';
  const lines = [`${look.paint(colour, state)}: ${plain(why)}`];
  if (entry) {
    const cost = entry.costMs === null ? 'not told' : formatDuration(entry.costMs);
    lines.push(
      `  kind     ${entry.kind}, ${formatBytes(entry.bytes)}`,
      `  age      ${formatDuration(entry.ageMs)}; ${counted(entry.hits, 'hit')}`,
      `  cost     ${cost}`,
      `  tags     ${entry.tags.map(plain).join(', ') || '-'}`,
      `  leaves   after ${counted(leavesAfter ?? 0, 'other')}, when there is no room`,
    );
  }
  if (compared) lines.push(`  text     ${comparedWords(compared)}`);
  if (shared) lines.push(`  shared   ${plain(shared.why)}`);
  for (const { dep, state: now } of deps) lines.push(`  depends  ${now}  ${plain(dep)}`);
  for (const { sha256, size, sound } of blobs)
    lines.push(`  blob     ${sha256.slice(0, 12)}  ${formatBytes(size)}  ${sound ? 'sound' : look.paint('red', 'damaged')}`);
  return lines.map((line) => (look.width === null || widthOf(line) <= look.width ? line : wrap(line, look.width))).join('\n');
}

function comparedWords({ mode, judged, right }: NonNullable<MemoExplainAnswer['compared']>): string {
  const words = {
    normalise: 'answers the same text in other case, spacing or punctuation',
    suggest: 'is told as similar, never served for another',
    verified: `right for ${formatCount(right)} of ${counted(judged, 'text')} in the same words`,
    threshold: 'answers whatever text is near, right or wrong',
  };
  return `${mode}: ${words[mode]}`;
}

/** @param of for a plan: number of all results */
export function memoRemovalPage({ removed, bytes }: MemoRemoval, of: number | null = null): string {
  if (removed === 0) return 'nothing to remove';
  const results = `${counted(removed, 'result')}, ${formatBytes(bytes)}`;
  return of === null ? `removed ${results}` : `would remove ${results}: ${resultCostText({ results: removed, of, bytes })}`;
}

export function memoVerifyPage({ checked, bytes, damaged, removed }: MemoVerifyAnswer, look: Look): string {
  const sound = `${counted(checked, 'blob')}, ${formatBytes(bytes)}: OK`;
  if (damaged.length === 0) return sound;
  const text = `${counted(damaged.length, 'blob')} of ${formatCount(checked)} damaged; ${counted(removed, 'result')} removed`;
  return [look.paint('red', text), ...damaged].join('\n');
}

export function memoWarmPage({ items }: MemoWarmAnswer, look: Look): string {
  return table(
    items,
    [
      { title: 'NAMESPACE', value: ({ ns }) => ns, shrinks: 'sentence' },
      { title: 'KEY', value: ({ key }) => (look.width === null ? key : key.slice(0, 12)) },
      {
        title: 'STATE',
        // The first of several lines names the fault.
        value: ({ state, reason, error }) => [state, reason ?? error?.replace(/:?\n.*/s, '')].filter(Boolean).join(': '),
        shrinks: 'sentence',
      },
    ],
    look,
  );
}
