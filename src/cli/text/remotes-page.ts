import type { RemoteMonth, RemoteView } from '../../api/remotes.ts';
import { formatBytes, formatCount } from '../../core/format.ts';
import { rootHealthText } from '../../core/vocabulary.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

const none = 'no remotes; autocached remote add NAME=ADDRESS adds one';

/** The page of `autocached remote ls`. */
export function remotesPage(remotes: RemoteView[], look: Look): string {
  if (remotes.length === 0) return none;
  const columns = [
    { title: 'Name', value: ({ name }: RemoteView) => name },
    { title: 'Address', value: ({ url }: RemoteView) => url, shrinks: 'name' as const },
    { title: 'Category', value: ({ category }: RemoteView) => category ?? 'by folder' },
    { title: 'Models', value: ({ files }: RemoteView) => (files === null ? '-' : formatCount(files)), align: 'right' as const },
    { title: 'State', value: ({ health, why }: RemoteView) => rootHealthText(health, why), shrinks: 'sentence' as const },
    { title: 'This month', value: ({ months, monthlyLimit }: RemoteView) => monthText(months[0], monthlyLimit) },
  ];
  return table(remotes, columns, look);
}

/** The page of `autocached remote cost`. */
export function costPage(remotes: RemoteView[], look: Look): string {
  if (remotes.length === 0) return none;
  const rows = remotes.flatMap(({ name, months, monthlyLimit }) =>
    months.map((month, index) => ({ name, month, limit: index === 0 ? monthlyLimit : null })),
  );
  type Row = (typeof rows)[number];
  const columns = [
    { title: 'Name', value: ({ name }: Row) => name },
    { title: 'Month', value: ({ month }: Row) => month.month },
    { title: 'Read', value: ({ month, limit }: Row) => readText(month, limit), align: 'right' as const },
    { title: 'Requests', value: ({ month }: Row) => formatCount(month.requests), align: 'right' as const },
    { title: 'Cost', value: ({ month }: Row) => moneyText(month) ?? 'no price', align: 'right' as const },
  ];
  return table(rows, columns, look);
}

/** Bytes read in a month, and their cost. */
export function monthText(month: RemoteMonth | undefined, limit: number | null): string {
  if (!month) return '';
  const money = moneyText(month);
  return readText(month, limit) + (money === null ? '' : `, ${money}`);
}

function readText({ bytes }: RemoteMonth, limit: number | null): string {
  return formatBytes(bytes) + (limit === null ? '' : ` of ${formatBytes(limit)}`);
}

function moneyText({ cost }: RemoteMonth): string | null {
  return cost && `${cost.amount.toFixed(2)} ${cost.currency}`;
}
