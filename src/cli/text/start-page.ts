import type { RootView } from '../../api/api.ts';
import { formatBytes } from '../../core/format.ts';
import { plain, plainLines } from '../../core/printable.ts';
import type { Mode } from '../../core/types.ts';
import { rootTerms } from '../../core/vocabulary.ts';
import { foldRoots } from './fold-roots.ts';
import type { Look } from './look.ts';

export interface Started {
  url: string;
  pid: number;
  dir: string;
  usedBytes: number;
  limitBytes: number;
  /** Whether files in the cache are not yet accounted for. */
  accounting: boolean;
  mode: Mode;
  roots: RootView[];
  notices: string[];
  /** The way to stop it, and its log. */
  stop: string;
}

/** The page after the daemon's start: places, and the one next step. */
export function startPage(started: Started, { paint }: Look): string {
  const { url, pid, dir, usedBytes, limitBytes, accounting, mode, roots, notices, stop } = started;
  const used = `${accounting ? 'at least ' : ''}${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} used`;
  const kinds = foldRoots(roots).map((root) => `${plain(root.path)} (${root.kind}${healthOf(root)})`);
  return [
    `${paint('bold', 'autocached')} runs at ${url} (pid ${pid}); ${stop}`,
    `  cache  ${plain(dir)}, ${used}`,
    `  mode   ${mode}`,
    ...(kinds.length > 0 ? kinds : ['none known yet']).map(
      (kind, index) => `  ${(index === 0 ? 'roots' : '').padEnd(7)}${kind}`,
    ),
    ...notices.map((notice) => `${paint('yellow', 'note:')} ${plainLines(notice)}`),
    `${paint('green', 'next:')} ${nextStep(started)}`,
  ].join('\n');
}

function healthOf({ health, why }: Pick<RootView, 'health' | 'why'>): string {
  if (health === 'missing') return `, ${rootTerms.missing.word}: ${plain(why ?? '')}`;
  return health === 'away' ? `, ${rootTerms.away.word}` : '';
}

function nextStep({ roots, usedBytes, accounting, mode }: Started): string {
  if (mode === 'off') return 'autocached mode read-write (while off, every lookup answers the source)';
  if (roots.length === 0) {
    return 'name your model folders: AUTOCACHE_ROOTS=/path/to/models in .env,\n      or connect ComfyUI: autocached comfyui install DIR';
  }
  if (usedBytes === 0 && !accounting)
    return 'autocached lookup FILE, with a file in a model folder:\n      the first lookup starts its copy';
  return 'autocached status';
}
