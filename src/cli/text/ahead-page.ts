import { counted } from '../../core/format.ts';
import { type Means, means } from '../../replay/ahead.ts';
import { boundSharesOf } from '../../replay/simulate.ts';
import { type AheadRates, type AheadResult, aheadRatesOf } from '../../replay/simulate-ahead.ts';
import type { Look } from './look.ts';
import { type Column, table } from './table.ts';

interface Row extends AheadRates {
  policy: string;
  by: string;
  ofBound: number | null;
}

const names: Record<Means, string> = {
  queue: 'prompts in the queue',
  arrivals: 'new files of the library',
  workflows: 'the workflow likely next',
};

/** Savings of copies made before the load, in the mean over all traces and sizes. */
export function aheadPage(results: readonly AheadResult[], look: Look): string {
  const rows = [...Map.groupBy(results, ({ policy, by }) => `${policy} ${by}`).values()].map(rowOf);
  const right = (title: string, value: (row: Row) => string): Column<Row> => ({ title, align: 'right', value });
  const columns: Column<Row>[] = [
    { title: 'AHEAD BY', value: ({ by }) => by },
    { title: 'POLICY', value: ({ policy }) => policy },
    right('REMOVED', ({ removed }) => percent(removed)),
    right('RIGHT', ({ right: share }) => (share === null ? '' : share.toFixed(2))),
    right('WASTED', ({ wasted }) => wasted.toFixed(3)),
    right('WRITTEN', ({ written }) => written.toFixed(2)),
  ];
  const notes = [
    'REMOVED: share of the seconds of misses without copies ahead. RIGHT: share of the copies that were loaded before they left.',
    'WASTED, WRITTEN: bytes copied ahead and not loaded, and written to the SSD in all, for each byte read.',
    `Means over ${counted(new Set(results.map(({ trace }) => trace)).size, 'trace')} and all cache sizes.`,
  ];
  if (rows.some(({ ofBound }) => ofBound !== null)) {
    columns.push(right('BOUND', ({ ofBound }) => (ofBound === null ? '' : percent(ofBound))));
    notes.push('BOUND: share of the saving that no schedule without copies ahead can exceed.');
  }
  return [table(rows, columns, look), '', ...notes.map((note) => look.paint('dim', note))].join('\n');
}

function rowOf(group: readonly AheadResult[]): Row {
  const by = group[0]?.by ?? [];
  const name = by.length === means.length ? 'all of these' : by.map((one) => names[one]).join(', ');
  return { ...aheadRatesOf(group), policy: group[0]?.policy ?? '', by: name, ofBound: boundSharesOf(group)?.mean ?? null };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
