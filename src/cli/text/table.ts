import Table from 'cli-table3';
import { plain, shorten, widthOf } from './fit.ts';
import type { Look } from './look.ts';

export interface Column<T> {
  title: string;
  value: (row: T) => string;
  align?: 'right';
  /** This column gives way when the page is too narrow. At most one has it. */
  shrinks?: true;
}

const gap = 2;
const borders = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
const rules = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'] as const;
const none = Object.fromEntries([...borders, ...rules].map((name) => [name, '']));

/** Rows under their titles, without lines; as wide as the content needs, or as the look allows. */
export function table<T>(rows: T[], columns: Column<T>[], look: Look): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))));
  const titles = columns.map((column) => column.title);
  fit(cells, { titles, columns, width: look.width });
  const grid = new Table({
    head: titles.map((title) => title && look.paint('dim', title)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: none,
    style: { 'padding-left': 0, 'padding-right': gap, head: [], border: [] },
  });
  grid.push(...cells);
  const lines = grid.toString().split('\n');
  return lines.map((line) => line.trimEnd()).join('\n');
}

function fit<T>(cells: string[][], page: { titles: string[]; columns: Column<T>[]; width: number | null }): void {
  const shrinking = page.columns.findIndex((column) => column.shrinks);
  if (page.width === null || shrinking < 0) return;
  const widths = page.titles.map((title, index) => Math.max(widthOf(title), ...cells.map((row) => widthOf(row[index] ?? ''))));
  const others = widths.reduce((sum, width, index) => sum + (index === shrinking ? 0 : width), gap * (widths.length - 1));
  for (const row of cells) row[shrinking] = shorten(row[shrinking] ?? '', Math.max(12, page.width - others));
}
