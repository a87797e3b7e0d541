import type { MissesAnswer } from '../../api/loads.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';
import type { Look } from './look.ts';

/** Rows of the plot, and columns of a whole page and of the labels before the axis. */
const [height, pageWidth, labelWidth] = [10, 80, 9];
const [left, right] = [labelWidth + 2, pageWidth - 1];

/** Waiting time over the size of the cache, 80 columns wide: `*` marks replayed sizes, `o` the limit in force. */
export function missPlot({ points, limit }: Pick<MissesAnswer, 'points' | 'limit'>, look: Look): string {
  const most = Math.max(...points.map(({ seconds }) => seconds), 1e-9);
  const largest = Math.max(...points.map(({ bytes }) => bytes), 1);
  const columnOf = (bytes: number) => left + Math.round(((right - left) * bytes) / largest);
  const rowOf = (seconds: number) => Math.round((height - 1) * (1 - seconds / most));
  const grid = Array.from({ length: height }, () => Array<string>(pageWidth).fill(' '));
  const put = (bytes: number, seconds: number, mark: string) => {
    const row = grid[rowOf(seconds)];
    if (row) row[columnOf(bytes)] = mark;
  };
  for (const [a, b] of points.flatMap((point, k) => (k === 0 ? [] : [[points[k - 1] ?? point, point] as const]))) {
    const [from, to] = [columnOf(a.bytes), columnOf(b.bytes)];
    for (let column = from + 1; column < to; column++) {
      const part = (column - from) / (to - from);
      put(a.bytes + part * (b.bytes - a.bytes), a.seconds + part * (b.seconds - a.seconds), '.');
    }
  }
  for (const { bytes, seconds } of points) put(bytes, seconds, bytes === limit ? 'o' : '*');
  const lines = grid.map((row, k) => {
    const label = k === 0 ? formatDuration(1000 * most) : k === height - 1 ? '0' : '';
    return `${label.padStart(labelWidth)} |${row.slice(left).join('').trimEnd()}`;
  });
  const sizes = `0${formatBytes(largest).padStart(right - left)}`;
  const legend = `o ${formatBytes(limit)}, the limit now`;
  return [
    look.paint('dim', 'waiting, by the size of the cache'),
    ...lines,
    `${' '.repeat(labelWidth)} +${'-'.repeat(right - left + 1)}`,
    `${' '.repeat(left)}${sizes}`,
    `${' '.repeat(left)}${legend}`,
  ].join('\n');
}
