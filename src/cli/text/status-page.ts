import type { EntryView, JobView, RootView } from '../../api/api.ts';
import type { SharedView } from '../../api/farm.ts';
import type { StuckView } from '../../api/open-sources.ts';
import type { RemoteView } from '../../api/remotes.ts';
import type { StatsAnswer, TierStats } from '../../api/stats.ts';
import { counted, formatBytes, formatCount, formatDuration, percent } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { jobTerms, rootHealthText } from '../../core/vocabulary.ts';
import { progressBar, usageBar } from './bar.ts';
import { shorten, shortenAll, widthOf } from './fit.ts';
import { foldRoots } from './fold-roots.ts';
import type { Look } from './look.ts';
import { remotesPage } from './remotes-page.ts';
import { table } from './table.ts';
import { entryName, jobName, jobProgress } from './words.ts';

interface Status {
  stats: StatsAnswer;
  jobs: JobView[];
  paused: boolean;
  biggest: EntryView[];
  mostUsed: EntryView[];
  remotes: RemoteView[];
  url: string;
}

const widest = 120;

/** The page of `autocached status`. */
export function statusPage({ stats, jobs, paused, biggest, mostUsed, remotes, url }: Status, look: Look): string {
  const width = Math.min(look.width ?? widest, widest);
  const page = { ...look, width };
  const title = (text: string) => look.paint('bold', text);
  return [
    [head(stats, url, page), ...stats.warnings.map((warning) => look.paint('yellow', plain(warning)))].join('\n'),
    [
      title('Space'),
      ...stats.tiers.map((tier) => tierLines(tier, tier.tier === 'ssd' ? (stats.variants?.bytes ?? 0) : 0, page)),
      ...(stats.shared ? [sharedLines(stats.shared, page)] : []),
      ...variantLines(stats),
      ...quotaLines(stats, page),
    ].join('\n'),
    [title('Use'), ...useLines(stats)].join('\n'),
    [title('Jobs'), ...(paused ? [look.paint('yellow', `  ${jobTerms.paused.says}`)] : []), ...jobLines(jobs, page)].join('\n'),
    stuckLines(stats.stuck, page),
    writtenLines(stats, page),
    [title('Roots'), rootLines(stats.roots, page), ...mismatchLines(stats, page)].join('\n'),
    remotes.length === 0 ? '' : [title('Remotes'), remotesPage(remotes, page)].join('\n'),
    entryLines('Biggest copies', biggest, page),
    entryLines('Most used', mostUsed, page),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

type Page = Look & { width: number };

function head(stats: StatsAnswer, url: string, { paint, width }: Page): string {
  const name = `${paint('bold', 'autocached')} ${stats.version}`;
  const mode = stats.mode === 'read-write' ? stats.mode : paint('yellow', stats.mode);
  const settings = `mode ${mode}, policy ${stats.policy}, cache in `;
  return [
    `${name}  running for ${formatDuration(stats.uptimeMs)}  ${url}  pid ${stats.pid}`,
    settings + shorten(plain(stats.dir), Math.max(20, width - widthOf(settings))),
    ...accountingLines(stats, paint),
  ].join('\n');
}

function accountingLines({ accounting }: StatsAnswer, paint: Look['paint']): string[] {
  if (!accounting) return [];
  return [
    paint(
      'yellow',
      `accounting for the files in the cache, ${formatCount(accounting.seen)} looked at; copies start after that`,
    ),
  ];
}

/** @param variants bytes of its limit that variants take */
function tierLines(tier: TierStats, variants: number, page: Page): string {
  const share = (bytes: number) => (tier.limit > 0 ? bytes / tier.limit : 0);
  const bar = usageBar({ used: share(tier.bytes + variants), reserved: share(tier.reserved) }, page.width - 16, page);
  const reserved = tier.reserved > 0 ? ` + ${formatBytes(tier.reserved)} reserved` : '';
  const lines = [
    `  ${tier.tier.padEnd(5)}${bar} ${percent(share(tier.bytes + variants + tier.reserved)).padStart(6)}`,
    `       ${formatBytes(tier.bytes)} used${reserved} of ${formatBytes(tier.limit)} in ${counted(tier.files, 'file')}${holds(tier)}`,
  ];
  const over = tier.bytes + variants - tier.limit;
  if (over > 0)
    lines.push(page.paint('yellow', `       ${formatBytes(over)} over the limit: copies that are in use or pinned stay`));
  if (tier.outside > 0)
    lines.push(`       ${formatBytes(tier.outside)} more in files that are no copies: autocached doctor names them`);
  if (tier.standing) lines.push(`       ${standingText(tier.standing)}`);
  const away = stateLine(tier);
  if (away !== null) lines.push(page.paint('yellow', `       ${away}`));
  // It is on the volume of the ssd tier, and under its limit.
  if (tier.tier === 'cold') return lines.join('\n');
  return [...lines, page.paint('dim', `       ${formatBytes(tier.free)} free (${formatBytes(tier.floor)} kept free)`)].join(
    '\n',
  );
}

/** The shared store. */
function sharedLines({ url, state, why, files, bytes, reserved, limit }: SharedView, page: Page): string {
  const share = (part: number) => (limit > 0 ? part / limit : 0);
  const bar = usageBar({ used: share(bytes), reserved: share(reserved) }, page.width - 17, page);
  const coming = reserved > 0 ? ` + ${formatBytes(reserved)} reserved` : '';
  const lines = [
    `  shared ${bar} ${percent(share(bytes + reserved)).padStart(6)}`,
    `       ${formatBytes(bytes)} used${coming} of ${formatBytes(limit)} in ${counted(files, 'file')} in ${plain(url)}`,
  ];
  if (state === 'away') lines.push(page.paint('yellow', `       it does not answer${why === null ? '' : `: ${plain(why)}`}`));
  return lines.join('\n');
}

function variantLines({ variants }: StatsAnswer): string[] {
  if (!variants) return [];
  const { files, bytes, limit } = variants;
  return [`       ${counted(files, 'variant')}, ${formatBytes(bytes)} of the limit (at most ${formatBytes(limit)})`];
}

function quotaLines({ quotas = [] }: StatsAnswer, page: Page): string[] {
  return quotas.map(({ category, bytes, limit }) => {
    const text = `       ${plain(category)}: ${formatBytes(bytes)} of their quota of ${formatBytes(limit)}`;
    return bytes > limit ? page.paint('yellow', text) : text;
  });
}

function stateLine({ state }: TierStats): string | null {
  if (state === 'away')
    return 'its disk is away: originals are used, nothing is forgotten, copies are used again when it is back';
  return state === 'read-only' ? 'nothing can be written to it: copies are used, none are made or removed' : null;
}

function standingText({ files, bytes, represented }: NonNullable<TierStats['standing']>): string {
  const ratio = (represented / bytes).toFixed(1);
  const what = `${formatBytes(represented)} of models in ${formatBytes(bytes)} (${ratio}x)`;
  return `${counted(files, 'file')} of these as differences from others: ${what}`;
}

/** Models stored in less space than their size. */
function holds({ bytes, represented, ratio }: TierStats): string {
  return ratio === null || represented === bytes ? '' : `; holds ${formatBytes(represented)} of models (${ratio.toFixed(2)}x)`;
}

function useLines(stats: StatsAnswer): string[] {
  if (stats.hitRate === null) return ['  no loads yet'];
  const answers = Object.entries(stats.latencyMs).flatMap(([outcome, { p50, p99 }]) =>
    p99 > 0 ? [`${outcome} ${formatDuration(p50)} (p99 ${formatDuration(p99)})`] : [],
  );
  const bytes = stats.byteHitRate === null ? '' : `; by bytes ${percent(stats.byteHitRate)}`;
  return [
    `  hits     ${percent(stats.hitRate)} of ${counted(stats.hits + stats.misses, 'load')}${bytes}`,
    `  saved    about ${formatDuration(stats.secondsSaved * 1000)} of loading`,
    `  copied   ${formatBytes(stats.bytesCopied)}; ${counted(stats.evictions, 'copy', 'copies')} evicted`,
    ...(answers.length > 0 ? [`  answers  ${answers.join(', ')}`] : []),
  ];
}

function jobLines(jobs: JobView[], page: Page): string[] {
  const running = jobs.filter((job) => job.state === 'running');
  const queued = jobs.filter((job) => job.state === 'queued');
  if (running.length + queued.length === 0) return ['  no copies are running'];
  const idWidth = Math.max(0, ...running.map(({ id }) => String(id).length)) + 4;
  const names = shortenAll(
    running.map((job) => plain(jobName(job))),
    page.width - idWidth,
  );
  const lines = running.map((job, index) => {
    const share = job.bytesTotal > 0 ? job.bytesDone / job.bytesTotal : 0;
    const name = names[index]?.replaceAll('\n', `\n${' '.repeat(idWidth)}`);
    return `${`  #${job.id} `.padEnd(idWidth)}${name}\n  ${progressBar(share, Math.floor(page.width / 2) - 8)} ${jobProgress(job)}`;
  });
  if (queued.length > 0) {
    const bytes = queued.reduce((sum, job) => sum + job.bytesTotal, 0);
    lines.push(page.paint('dim', `  ${formatCount(queued.length)} more waiting, ${formatBytes(bytes)}`));
  }
  return lines;
}

function stuckLines(stuck: StuckView[], page: Page): string {
  if (stuck.length === 0) return '';
  const lines = stuck.map(({ path, size, app, pid }) => {
    const facts = `  ${formatBytes(size).padStart(9)}  ${plain(app)} ${pid}  `;
    return `${facts}${shorten(plain(path), page.width - facts.length)}`;
  });
  const note = '  their copies are ready: unload the models in ComfyUI, or set AUTOCACHE_COMFYUI_FREE=auto';
  return [page.paint('bold', 'Still read from their sources'), ...lines, page.paint('yellow', note)].join('\n');
}

function writtenLines({ written }: StatsAnswer, page: Page): string {
  if (written.files === 0) return '';
  const files = `  ${counted(written.files, 'file')}, ${formatBytes(written.bytes)}`;
  const note = '  autocached bring-back shows them, and brings them to their models';
  return [page.paint('bold', 'Written by nodes beside copies'), files, page.paint('yellow', note)].join('\n');
}

function rootLines(roots: RootView[], page: Page): string {
  if (roots.length === 0) return '  none: set AUTOCACHE_ROOTS, or run: autocached comfyui install DIR';
  const lines = table(
    foldRoots(roots),
    [
      { title: '  PATH', value: ({ path }) => `  ${path}`, shrinks: 'name' },
      { title: 'KIND', value: ({ kind, kindFrom }) => (kindFrom === 'assumed' ? `${kind}?` : kind) },
      { title: 'FILES', value: ({ files }) => (files === null ? '-' : formatCount(files)), align: 'right' },
      { title: 'HEALTH', value: ({ health, why }) => rootHealthText(health, why && shorten(why, 30)) },
    ],
    page,
  );
  return roots.some(({ health }) => health === 'away') ? `${lines}\n${awayNote(page)}` : lines;
}

function mismatchLines({ mismatched }: StatsAnswer, { paint }: Look): string[] {
  if (mismatched === 0) return [];
  const files = counted(mismatched, 'file differs', 'files differ');
  return [paint('yellow', `  ${files} from the published SHA-256: autocached verify --all lists them`)];
}

function awayNote({ paint }: Look): string {
  return paint('yellow', '  cached models from an offline folder keep working');
}

function entryLines(title: string, entries: EntryView[], page: Page): string {
  const used = title === 'Most used' ? entries.filter(({ uses }) => uses > 0) : entries;
  if (used.length === 0) return '';
  const names = shortenAll(
    used.map((entry) => plain(entryName(entry))),
    page.width - 25,
  );
  const rows = used.map((entry, index) => {
    const facts = `  ${formatBytes(entry.size).padStart(9)}  ${counted(entry.uses, 'use').padStart(10)}  `;
    return `${facts}${names[index]?.replaceAll('\n', `\n${' '.repeat(facts.length)}`)}`;
  });
  return [page.paint('bold', title), ...rows].join('\n');
}
