import type { FarmAnswer, FarmContentView, FarmHostView, FarmLocateAnswer } from '../../api/farm.ts';
import { counted, formatBytes, formatCount, percent } from '../../core/format.ts';
import { lastName } from '../../core/last-name.ts';
import { plain } from '../../core/printable.ts';
import type { FarmEntry, FarmLeaving } from '../farm-entry.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

const alone = 'this host is in no farm\n  autocached farm init begins one, autocached farm join CODE enters one';
const restart = '  autocached restart      takes it up\n  autocached farm status  shows the hosts';

/** The page after `farm init`. */
export function initPage({ file, made, join, redis }: FarmEntry): string {
  const key = made ? `The key of the farm is in ${file}.` : `This host has the key of a farm: ${file}.`;
  if (join === null) {
    return `${key}\nIts hosts need a Redis or Valkey that all of them reach; name it:\n  autocached farm init --redis redis://HOST:6379`;
  }
  const password = redis?.includes('***') ? ['Put the user and password of the Redis in the place of ***.'] : [];
  return [
    key,
    'On this host:',
    restart,
    'On each further host (whoever has this line can join):',
    `  ${join}`,
    ...password,
  ].join('\n');
}

/** The page after `farm join`. */
export function joinPage({ file, made, name, redis }: FarmEntry): string {
  const key = made ? `The key of the farm is stored in ${file}.` : `This host has this key already: ${file}.`;
  if (redis === null) return `${key}\nThe Redis of the farm is not set: autocached farm join CODE --redis redis://HOST:6379`;
  return [`${key} Farm ${name}, Redis ${redis}.`, restart].join('\n');
}

/** The page before `farm leave`. */
export function leavingPage({ file, redis }: FarmLeaving): string {
  const lines = [
    ...(file === null ? [] : [`  the key ${file}; the code is needed to join again`]),
    ...(redis === null ? [] : [`  AUTOCACHE_FARM=${redis}, which becomes off`]),
  ];
  return ['would be taken away:', ...lines, '  copies, settings and models stay'].join('\n');
}

/** The page of `farm status`. */
export function farmPage(farm: FarmAnswer, look: Look): string {
  const parts = farm.on ? [headOf(farm), table(farm.hosts, hostColumns, look), sumOf(farm)] : [alone];
  if (farm.shared) parts.push(sharedLine(farm.shared));
  if (farm.contents.length > 0) parts.push(table(farm.contents, contentColumns, look));
  return parts.filter((part) => part !== '').join('\n\n');
}

function headOf({ name, hosts, directory, url }: FarmAnswer): string {
  const state =
    directory?.state === 'up' ? 'Redis up' : `Redis ${directory?.state}${directory?.why ? `: ${directory.why}` : ''}`;
  const known = directory?.state === 'away' ? ', as known before' : '';
  const gives = url === null ? 'this host gives nothing to others' : `others read from this host at ${url}`;
  return [`Farm ${name}: ${counted(hosts.length, 'host')}${known}; ${state}`, gives].map(plain).join('\n');
}

const hostColumns = [
  { title: 'Host', value: ({ host, isThis }: FarmHostView) => `${host}${isThis ? ' *' : ''}`, shrinks: 'name' as const },
  {
    title: 'Address',
    value: ({ url, isUnderstood }: FarmHostView) =>
      isUnderstood ? (url?.replace('https://', '') ?? 'takes only') : 'other version',
    shrinks: 'name' as const,
  },
  { title: 'Origin', value: ({ originBytes }: FarmHostView) => formatBytes(originBytes), align: 'right' as const },
  { title: 'Received', value: ({ receivedBytes }: FarmHostView) => formatBytes(receivedBytes), align: 'right' as const },
  { title: 'Given', value: ({ givenBytes }: FarmHostView) => formatBytes(givenBytes), align: 'right' as const },
  { title: 'Version', value: ({ version }: FarmHostView) => version },
];

/** Sums over all hosts, each since its start. */
function sumOf({ hosts }: FarmAnswer): string {
  const sum = (of: (host: FarmHostView) => number) => hosts.reduce((total, host) => total + of(host), 0);
  const [origin, received] = [sum((host) => host.originBytes), sum((host) => host.receivedBytes)];
  if (origin + received === 0) return '* this host. Nothing was copied yet.';
  const share = percent(received / (origin + received));
  return `* this host. Read from origins ${formatBytes(origin)}, from other hosts ${formatBytes(received)} (${share}).`;
}

const contentColumns = [
  { title: 'Model', value: ({ path }: FarmContentView) => lastName(path), shrinks: 'name' as const },
  { title: 'Size', value: ({ size }: FarmContentView) => formatBytes(size), align: 'right' as const },
  { title: 'Here', value: ({ has, chunks }: FarmContentView) => shareOf(has, chunks), align: 'right' as const },
  { title: 'Others', value: ({ hosts }: FarmContentView) => counted(hosts.length, 'host'), align: 'right' as const },
];

function sharedLine({ url, state, why, files, bytes, limit }: NonNullable<FarmAnswer['shared']>): string {
  const away = state === 'up' ? '' : `; away${why === null ? '' : `: ${why}`}`;
  return plain(`Shared store ${url}: ${formatBytes(bytes)} of ${formatBytes(limit)}, ${counted(files, 'model')}${away}`);
}

/** The page of `farm locate`. */
export function locatePage({ path, content, size, chunks, hosts, shared }: FarmLocateAnswer, look: Look): string {
  const name = plain(size === null ? path : `${path}, ${formatBytes(size)}`);
  const store = shared === null ? [] : [shared ? 'The shared store has it.' : 'The shared store does not have it.'];
  if (content === null) return [name, 'No host is known to have it.', ...store].join('\n');
  type Row = (typeof hosts)[number];
  const columns = [
    { title: 'Host', value: ({ host }: Row) => host, shrinks: 'name' as const },
    { title: 'Has', value: ({ has }: Row) => shareOf(has, chunks ?? 0), align: 'right' as const },
    { title: 'Chunks', value: ({ has }: Row) => `${formatCount(has)} of ${formatCount(chunks ?? 0)}`, align: 'right' as const },
  ];
  return [name, hosts.length > 0 ? table(hosts, columns, look) : 'No host has it.', ...store].join('\n');
}

function shareOf(has: number, of: number): string {
  return percent(of === 0 ? 1 : has / of);
}
