import { counted, formatBytes } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { SourceFacts } from '../doctor/source-checks.ts';
import { speedText } from '../doctor/speed-text.ts';
import type { Survey } from '../init/survey.ts';
import type { Look } from './look.ts';

/** The findings, for people. */
export function surveyPage({ comfyui, sources, arena, cache }: Survey, { paint }: Look): string {
  const free = cache.free === null ? '' : `, ${formatBytes(cache.free)} free`;
  return [
    paint('bold', 'ComfyUI'),
    ...comfyui.map(({ dir, version }) => plain(`  ${dir}${version === null ? '' : `  (${version})`}`)),
    ...(comfyui.length === 0 ? ['  none found; name it: autocached init DIR'] : []),
    paint('bold', 'Disks with models'),
    ...sources.flatMap(sourceLines),
    ...(sources.length === 0 ? ['  none found; name folders: autocached init --roots DIR'] : []),
    ...(arena.length > 0 ? [paint('bold', 'Arena AutoCache')] : []),
    ...arena.map(({ dir, files, bytes }) => plain(`  ${dir}  ${counted(files, 'file')}, ${formatBytes(bytes)}`)),
    paint('bold', 'Cache'),
    `  ${plain(cache.dir)}`,
    `    ${cache.kind}${cache.device === null ? '' : ` ${cache.device}`}${free}`,
  ].join('\n');
}

function sourceLines({ kind, device, roots, state }: SourceFacts): string[] {
  const [first = '', ...others] = roots;
  const more = others.length === 0 ? '' : ` and ${counted(others.length, 'more folder')}`;
  const speed = { measured: '', nothing: 'no file large enough to measure', away: '' }[state.is];
  const told = state.is === 'measured' ? speedText(state.speeds) : state.is === 'away' ? `away: ${state.why}` : speed;
  return [`  ${first}${more}`, `    ${kind}${device === null ? '' : ` ${device}`}: ${told}`].map(plain);
}
