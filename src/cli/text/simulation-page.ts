import { counted, formatBytes } from '../../core/format.ts';
import {
  type BoundShares,
  boundSharesOf,
  type CacheSize,
  type OutcomeRates,
  type Result,
  ratesOf,
} from '../../replay/simulate.ts';
import type { Look } from './look.ts';
import { type Column, table } from './table.ts';

interface Row {
  size: string;
  policy: string;
  plain: OutcomeRates;
  cold: OutcomeRates | null;
  ofBound: BoundShares | null;
}

export function simulationPage(results: readonly Result[], look: Look): string {
  const traces = new Set(results.map(({ trace }) => trace)).size;
  const columns: Column<Row>[] = [
    { title: 'CACHE', value: ({ size }) => size },
    { title: 'POLICY', value: ({ policy }) => policy },
    ...rateColumns('', ({ plain }) => plain),
  ];
  const restored: Column<Row> = {
    title: 'RESTORED',
    align: 'right',
    value: ({ cold }) => (cold ? percent(cold.restored) : ''),
  };
  const withCold = [...rateColumns('COLD: ', ({ cold }) => cold), restored];
  const bySize = rowsOf(results, ({ size, policy }) => `${sizeText(size)} ${policy}`);
  const isBounded = bySize.some(({ ofBound }) => ofBound);
  const sizes = new Set(bySize.map(({ size }) => size)).size;
  const overall = rowsOf(results, ({ policy }) => policy).map((row) => ({ ...row, size: 'all' }));
  const rows = isBounded && sizes > 1 ? [...bySize, ...overall] : bySize;
  if (isBounded) columns.push(...boundColumns());
  const page = table(rows, rows.some(({ cold }) => cold) ? [...columns, ...withCold] : columns, look);
  const notes = [
    'BYTES: share of the bytes read that came from the cache. TIME: share of the time from the sources that it saves.',
    `WRITTEN: bytes written to the SSD for each byte read. ${traces === 1 ? '' : `Means over ${counted(traces, 'trace')}. `}`,
  ];
  if (isBounded)
    notes.push(
      'BOUND: mean share of the saving that no schedule can exceed; a tenth of the results are below P10, none below WORST.',
    );
  if (results.some(({ policy }) => policy === 'foresight'))
    notes.push('foresight knows the next reads: an upper bound for every policy.');
  return [page, '', ...notes.map((note) => look.paint('dim', note.trim()))].join('\n');
}

function rateColumns(prefix: string, rates: (row: Row) => OutcomeRates | null): Column<Row>[] {
  const column = (title: string, value: (rates: OutcomeRates) => string): Column<Row> => ({
    title: `${prefix}${title}`,
    align: 'right',
    value: (row) => {
      const of = rates(row);
      return of ? value(of) : '';
    },
  });
  return [
    column('BYTES', ({ byteHitRate }) => percent(byteHitRate)),
    column('TIME', ({ timeSaved }) => percent(timeSaved)),
    column('WRITTEN', ({ written }) => written.toFixed(2)),
  ];
}

function boundColumns(): Column<Row>[] {
  const column = (title: string, value: (shares: BoundShares) => number): Column<Row> => ({
    title,
    align: 'right',
    value: ({ ofBound }) => (ofBound ? percent(value(ofBound)) : ''),
  });
  return [column('BOUND', ({ mean }) => mean), column('P10', ({ p10 }) => p10), column('WORST', ({ worst }) => worst)];
}

/** A row for each group of results with one key. */
function rowsOf(results: readonly Result[], keyOf: (result: Result) => string): Row[] {
  const groups = Map.groupBy(results, keyOf);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const outcomes = (cold: boolean) => group.filter((result) => result.cold === cold).map(({ outcome }) => outcome);
    const cold = outcomes(true);
    return {
      size: sizeText(first.size),
      policy: first.policy,
      plain: ratesOf(outcomes(false)),
      cold: cold.length > 0 ? ratesOf(cold) : null,
      ofBound: boundSharesOf(group.filter((result) => !result.cold)),
    };
  });
}

const sizeText = (size: CacheSize): string =>
  'bytes' in size ? formatBytes(size.bytes) : `${Number((100 * size.share).toFixed(2))} %`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
