import type { RemovalAnswer } from '../../api/api.ts';
import { costText, counted, formatBytes, formatCount } from '../../core/format.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

const mostRows = 20;

/** The copies that were, or would be, deleted, and the remaining ones, with the reason. */
export function removalPage(answer: RemovalAnswer, look: Look): string {
  const { dryRun, files, of, bytes, removed, skipped } = answer;
  const copies = counted(files, 'copy', 'copies');
  const parts = [rowsOf(removed, look)];
  if (files === 0) parts.push('nothing to delete');
  else if (dryRun) parts.push(`would delete ${copies}, ${formatBytes(bytes)}: ${costText({ copies: files, of, bytes })}`);
  else
    parts.push(
      `deleted ${copies}, ${formatBytes(bytes)}; ${formatCount(Math.max(0, of - files))} of ${formatCount(of)} are left`,
    );
  const shared = removed.reduce((sum, item) => sum + item.bytes, 0) - bytes;
  if (shared > 0) parts.push(`${formatBytes(shared)} less than the sum of the files: equal files share their bytes`);
  if (skipped.length > 0) parts.push(look.paint('yellow', `left in place: ${skipped.length}`), rowsOf(skipped, look));
  return parts.filter((part) => part !== '').join('\n');
}

function rowsOf(items: { path: string; bytes: number; why?: string }[], look: Look): string {
  if (items.length === 0) return '';
  const rows = table(
    items.slice(0, look.width === null ? items.length : mostRows),
    [
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
      { title: 'FILE', value: ({ path }) => path, shrinks: 'name' },
      { title: '', value: ({ why }) => why ?? '', shrinks: 'sentence' },
    ],
    look,
  );
  const more = items.length - mostRows;
  return look.width !== null && more > 0 ? `${rows}\n${look.paint('dim', `and ${counted(more, 'more', 'more')}`)}` : rows;
}
