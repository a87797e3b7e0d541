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

/**
 * Rows under their titles, without lines; as wide as the content needs, or as the look allows.
 * @param below a line of its own under a row, of any width; null = none
 */
export function table<T>(rows: T[], columns: Column<T>[], look: Look, below: (row: T) => string | null = () => null): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.value(row))));
  const titles = columns.map((column) => column.title);
  if (look.width !== null) fit(cells, { titles, columns, width: look.width });
  const widths = widthsOf(titles, cells);
  const linesOf = (texts: readonly string[]): string[] => {
    const pieces = texts.map((text) => text.split('\n'));
    const height = Math.max(...pieces.map(({ length }) => length));
    return Array.from({ length: height }, (_, at) => {
      const padded = pieces.map((lines, index) => pad(lines[at] ?? '', widths[index] ?? 0, columns[index]?.align));
      return padded.join(' '.repeat(gap)).trimEnd();
    });
  };
  const head = linesOf(titles.map((title) => title && look.paint('dim', title)));
  const body = rows.flatMap((row, index) => {
    const line = below(row);
    return [...linesOf(cells[index] ?? []), ...(line === null ? [] : [plain(line)])];
  });
  return [...head, ...body].join('\n');
}

function pad(text: string, width: number, align?: 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Width of each column, of the widest line in it. */
function widthsOf(titles: readonly string[], cells: readonly string[][]): number[] {
  return titles.map((title, index) => {
    const lines = cells.flatMap((row) => (row[index] ?? '').split('\n'));
    return lines.reduce((widest, line) => Math.max(widest, widthOf(line)), widthOf(title));
  });
}

function fit<T>(cells: string[][], page: { titles: string[]; columns: Column<T>[]; width: number }): void {
  const widths = widthsOf(page.titles, cells);
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
