import type { JobView, WarmAnswer, WarmHost, WarmItem } from '../../api/api.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { isLeftAlone, isMoving } from '../../core/vocabulary.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

/** The ready and the missing files; many files that autocached leaves alone on purpose are only counted. */
export function warmPage({ items, hosts }: WarmAnswer, look: Look): string {
  const left = items.filter((item) => !item.ready && isLeftAlone(item.reason));
  const shown = left.length > 5 ? items.filter((item) => !left.includes(item)) : items;
  const waited = items.filter((item) => item.ready || !left.includes(item));
  const ready = waited.filter((item) => item.ready).length;
  const lines = [shown.length > 0 ? rowsOf(shown, look) : ''];
  lines.push(
    look.paint(
      ready === waited.length ? 'green' : 'yellow',
      `${formatCount(ready)} of ${counted(waited.length, 'file')} ready`,
    ),
  );
  if (left.length > 0) lines.push(`${counted(left.length, 'file')} left alone: ${whys(left)}`);
  if (hosts) lines.push(hostsOf(hosts, look));
  return lines.filter((line) => line !== '').join('\n');
}

/** A line for each host, and one for each file that it lacks. */
function hostsOf(hosts: readonly WarmHost[], look: Look): string {
  if (hosts.length === 0) return look.paint('yellow', 'no other host of the farm was asked: none is there, or none is needed');
  return hosts
    .flatMap(({ host, state, items }) => {
      const ready = items.filter((item) => item.ready).length;
      const says = state === 'done' ? `${formatCount(ready)} of ${counted(items.length, 'file')} ready` : hostWords[state];
      const lacking = items.filter((item) => state === 'done' && !item.ready);
      const color = state === 'done' && lacking.length === 0 ? 'green' : 'yellow';
      const shown = lacking.slice(0, mostLacking).map(({ item, message }) => plain(`  ${item}: ${message ?? 'missing'}`));
      if (lacking.length > mostLacking) shown.push(`  and ${counted(lacking.length - mostLacking, 'more file')}`);
      return [look.paint(color, `${plain(host)}: ${says}`), ...shown];
    })
    .join('\n');
}

/** Maximum number of named files of one host. */
const mostLacking = 10;

const hostWords: Record<Exclude<WarmHost['state'], 'done'>, string> = {
  asked: 'asked',
  copying: 'is still copying',
  silent: 'does not answer; it may be gone, or run an older version',
};

function rowsOf(items: WarmItem[], look: Look): string {
  return table(
    items,
    [
      { title: '', value: stateOf },
      { title: 'SIZE', value: ({ size }) => (size === null ? '-' : formatBytes(size)), align: 'right' },
      { title: 'FILE', value: ({ item }) => item, shrinks: 'name' },
      { title: '', value: (item) => item.message ?? (item.ready ? '' : whyNot(item)), shrinks: 'sentence' },
    ],
    look,
  );
}

function stateOf(item: WarmItem): string {
  if (item.ready) return 'ready';
  if (isLeftAlone(item.reason)) return 'left alone';
  if (isUnderWay(item.job)) return item.job.word;
  return item.reason === 'QUEUED' ? item.word : 'missing';
}

/** The cause of a copy's delay says more than its existence. */
function whyNot({ job, why }: WarmItem): string {
  return isUnderWay(job) && !isMoving(job.status) ? job.why : why;
}

function isUnderWay(job: WarmItem['job']): job is JobView {
  return job?.state === 'queued' || job?.state === 'running';
}

function whys(items: WarmItem[]): string {
  return [...new Set(items.map(({ why }) => why))].join('; ');
}
