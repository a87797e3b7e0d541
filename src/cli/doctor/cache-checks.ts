import type { StatsAnswer, TierStats } from '../../api/stats.ts';
import { formatBytes } from '../../core/format.ts';
import { isNetworkFileSystem } from '../../media/file-systems.ts';
import { isNetwork, type MediumFacts } from '../../media/medium.ts';
import type { ReadSpeeds } from '../../sources/driver.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { speedText } from './speed-text.ts';

export interface CacheFacts {
  dir: string;
  medium: MediumFacts;
  /** The result of writing there as a trial. */
  trial:
    | { is: 'done'; speeds: ReadSpeeds | null; clockSkewMs: number; caseSensitive: boolean }
    | { is: 'absent' }
    /** On a network: nothing is written. */
    | { is: 'untouched' }
    /** It belongs to another user, and only that user writes to it. */
    | { is: 'others' }
    | { is: 'failed'; why: string };
  /** Free bytes of its volume; null when unknown. */
  free: number | null;
  /** The floor of free space, bytes. */
  floor: number;
  tier: TierStats | null;
  orphans: StatsAnswer['orphans'];
}

const mostSkewMs = 5000;

/** The cache directory: its medium, its speed, and whether there is room. */
export function cacheFindings(facts: CacheFacts): Finding[] {
  if (facts.tier?.state === 'away') {
    return [fail('cache', `the disk of ${facts.dir} is away: no copy is used or made`, 'mount it, or set AUTOCACHE_DIR')];
  }
  return [place(facts), ...trial(facts), ...room(facts), ...orphans(facts)];
}

function orphans({ orphans: found }: CacheFacts): Finding[] {
  return found.map(({ path, bytes, purged }) => {
    const says = `${path}, ${formatBytes(bytes)}, is no copy and counts towards the limit`;
    return warn('cache', says, purged ? 'autocached purge --all removes it' : 'move it elsewhere if it is yours');
  });
}

function place({ dir, medium, trial }: CacheFacts): Finding {
  const { kind, from, fileSystem, device } = medium;
  const on = [fileSystem, device].filter((word) => word !== null).join(' on ') || 'an unknown file system';
  const move = 'set AUTOCACHE_DIR to a directory on a local SSD';
  if (isNetwork(kind) || isNetworkFileSystem(fileSystem ?? '')) return fail('cache', `${dir} is on a network (${on})`, move);
  if (kind === 'hdd' && from === 'detected') return warn('cache', `${dir} is on a hard disk (${on})`, move);
  const sure = from === 'assumed' ? ', which the system does not call an SSD' : '';
  const speeds = trial.is === 'done' && trial.speeds ? `: ${speedText(trial.speeds)}` : '';
  return ok('cache', `${dir} is on ${on}${sure}${speeds}`);
}

function trial({ dir, tier, trial: done }: CacheFacts): Finding[] {
  if (done.is === 'others') {
    const says = `${dir} belongs to another user`;
    if (tier) return [ok('cache', `${says}, that of the daemon; its speed is measured by that one`)];
    return [fail('cache', says, 'set AUTOCACHE_DIR to a directory of your own, or start the daemon as that user')];
  }
  if (done.is === 'absent') return [warn('cache', `${dir} does not exist yet`, 'autocached start makes it')];
  if (done.is === 'failed') {
    return [fail('cache', `nothing can be written to ${dir}: ${done.why}`, 'make it writable for you, or set AUTOCACHE_DIR')];
  }
  if (done.is === 'untouched') return [];
  const findings: Finding[] = [];
  if (Math.abs(done.clockSkewMs) > mostSkewMs) {
    const seconds = Math.round(done.clockSkewMs / 1000);
    const todo = 'set the clocks: times of files would not match';
    findings.push(warn('cache', `the clock of ${dir} differs from this machine's by ${seconds} s`, todo));
  }
  if (!done.caseSensitive && process.platform === 'linux') {
    const todo = 'use another file system, or give models names that differ by more than that';
    findings.push(warn('cache', `${dir} does not tell A.safetensors from a.safetensors`, todo));
  }
  return findings;
}

function room({ dir, free, floor, tier }: CacheFacts): Finding[] {
  if (free === null) return [];
  const says = `${formatBytes(free)} free (${formatBytes(floor)} kept free)`;
  if (free < floor) {
    return [fail('cache', `${says}: nothing can be copied`, `free space on the volume of ${dir}, or lower AUTOCACHE_MIN_FREE`)];
  }
  if (tier && tier.limit - tier.bytes > free - floor) {
    const most = formatBytes(tier.bytes + Math.max(0, free - floor));
    return [warn('cache', `${says}: the limit of ${formatBytes(tier.limit)} cannot be reached`, `free space; ${most} fit now`)];
  }
  return [ok('cache', says)];
}
