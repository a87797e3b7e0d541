import Table from 'cli-table3';
import { plain } from '../../core/printable.ts';
import { shortenAll, widthOf, wrap } from './fit.ts';
import type { Look } from './look.ts';

export interface Column<T> {
  title: string;
  value: (row: T) => string;
  align?: 'right';
  /** Shrinks on a narrow page, in the order of the columns: names are shortened, and sentences are wrapped. */
  shrinks?: 'name' | 'sentence';
  /** Minimum width; left out = the default for its contents. */
  narrowest?: number;
}

const gap = 2;
/** Default minimum width of a column. */
const least = { name: 20, sentence: 8 };
const borders = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
const rules = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'] as const;
const none = Object.fromEntries([...borders, ...rules].map((name) => [name, '']));

/**
 * Rows under their titles, without lines; as wide as the content needs, or as the look allows.
 * @param below a line of its own under a row, of any width; null = none
 */
export function table<T>(rows: T[], columns: Column<T>[], look: Look, below: (row: T) => string | null = () => null): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))));
  const titles = columns.map((column) => column.title);
  if (look.width !== null) fit(cells, { titles, columns, width: look.width });
  const grid = new Table({
    head: titles.map((title) => title && look.paint('dim', title)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: none,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [] },
  });
  grid.push(...cells);
  const lines = grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const [head, ...rest] = lines;
  const withBelow = rows.flatMap((row, index) => {
    const height = Math.max(...(cells[index] ?? []).map((cell) => cell.split('\n').length));
    const line = below(row);
    return [...rest.splice(0, height), ...(line === null ? [] : [plain(line)])];
  });
  return [head, ...withBelow].join('\n');
}

function fit<T>(cells: string[][], page: { titles: string[]; columns: Column<T>[]; width: number }): void {
  const widths = page.titles.map((title, index) => Math.max(widthOf(title), ...cells.map((row) => widthOf(row[index] ?? ''))));
  let over = widths.reduce((sum, width) => sum + width, gap * (widths.length - 1)) - page.width;
  for (const [index, { shrinks, narrowest }] of page.columns.entries()) {
    const width = widths[index] ?? 0;
    if (!shrinks) continue;
    const lowest = narrowest ?? least[shrinks];
    if (over <= 0 || width <= lowest) continue;
    const narrow = Math.max(lowest, width - over);
    over -= width - narrow;
    const texts = cells.map((row) => row[index] ?? '');
    const fitting = shrinks === 'name' ? shortenAll(texts, narrow) : texts.map((text) => wrap(text, narrow));
    for (const [at, row] of cells.entries()) row[index] = fitting[at] ?? '';
  }
}
