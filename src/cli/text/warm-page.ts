import type { WarmAnswer, WarmItem } from '../../api/api.ts';
import { formatBytes } from '../../core/format.ts';
import { isLeftAlone, reasonText } from '../../core/reason-text.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';
import { counted } from './words.ts';

/** What is there and what is not; files that autocached leaves alone on purpose are only counted when they are many. */
export function warmPage({ items }: WarmAnswer, look: Look): string {
  const left = items.filter((item) => !item.ready && isLeftAlone(item.reason));
  const shown = left.length > 5 ? items.filter((item) => !left.includes(item)) : items;
  const waited = items.filter((item) => item.ready || !left.includes(item));
  const ready = waited.filter((item) => item.ready).length;
  const lines = [shown.length > 0 ? rowsOf(shown, look) : ''];
  lines.push(look.paint(ready === waited.length ? 'green' : 'yellow', `${ready} of ${counted(waited.length, 'file')} ready`));
  if (left.length > 0) lines.push(`${counted(left.length, 'file')} left alone: ${whys(left)}`);
  return lines.filter((line) => line !== '').join('\n');
}

function rowsOf(items: WarmItem[], look: Look): string {
  return table(
    items,
    [
      { title: '', value: stateOf },
      { title: 'SIZE', value: ({ size }) => (size === null ? '-' : formatBytes(size)), align: 'right' },
      { title: 'FILE', value: ({ item }) => item, shrinks: true },
      { title: '', value: (item) => item.message ?? (item.ready ? '' : reasonText(item.reason)) },
    ],
    look,
  );
}

function stateOf(item: WarmItem): string {
  if (item.ready) return 'ready';
  if (isLeftAlone(item.reason)) return 'left alone';
  return item.job && item.job.state !== 'failed' && item.job.state !== 'cancelled' ? item.job.state : 'missing';
}

function whys(items: WarmItem[]): string {
  return [...new Set(items.map((item) => reasonText(item.reason)))].join('; ');
}
