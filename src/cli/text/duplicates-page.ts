import { basename } from 'node:path';
import type { DeltaEstimate, Survey } from '../../codec/survey.ts';
import { counted, formatBytes, percent } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { shorten, wrap } from './fit.ts';
import type { Look } from './look.ts';

/** Minimum share of the bytes at which sharing is worth a setting. */
const worthwhile = 0.1;

/** The page of `autocached doctor --duplicates`. */
export function duplicatesPage(survey: Survey, { paint, width }: Look): string {
  const { files, bytes, tensors, equalBytes, unread, deltas } = survey;
  const columns = width ?? 80;
  const lines = [`${counted(files, 'cached safetensors file')}, ${formatBytes(bytes)}, ${counted(tensors, 'tensor')}.`];
  if (files === 0) return lines.join('\n');
  const guessed = unread === 0 ? '' : `; of ${formatBytes(unread)} only samples were compared`;
  lines.push(`Equal tensors: ${formatBytes(equalBytes)} are there more than once (${percent(equalBytes / bytes)})${guessed}.`);
  const saved = deltas.reduce((sum, { alone, delta }) => sum + alone - delta, 0);
  lines.push(`Differences: ${formatBytes(saved)} less than compressed alone, in ${counted(deltas.length, 'file')}.`);
  for (const delta of deltas) lines.push(`  ${lineOf(delta, columns - 2)}`);
  const share = (equalBytes + saved) / bytes;
  const advice =
    share >= worthwhile
      ? 'AUTOCACHE_COMPRESS=cold uses both: the least used copies are compressed, as differences from others where that is smaller.'
      : 'Sharing tensors would save little here.';
  return [
    ...lines.flatMap((line) => (line.startsWith(' ') ? [line] : wrap(line, columns).split('\n'))),
    '',
    paint('bold', wrap(advice, columns)),
  ].join('\n');
}

function lineOf({ path, base, alone, delta }: DeltaEstimate, width: number): string {
  const figures = `${formatBytes(alone)} to ${formatBytes(delta)} (${(alone / delta).toFixed(1)}x)`;
  const names = Math.max(16, width - figures.length - 8);
  const name = (of: string, most: number) => shorten(plain(basename(of)), most);
  return `${name(path, Math.ceil(names / 2))} from ${name(base, Math.floor(names / 2))}  ${figures}`;
}
