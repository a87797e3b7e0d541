import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { posix } from 'node:path';

/** The memory that this process and its files in RAM may take, bytes: the machine's, or that of its container. */
export interface Memory {
  total: number;
  /** Memory available without swapping; file caches count, files in RAM do not. */
  available: number;
}

export type ReadMemory = () => Promise<Memory>;

/** Reads the present memory. */
export async function readMemory(): Promise<Memory> {
  if (process.platform === 'linux') return withinContainer({ total: totalmem(), available: freemem() }, readText);
  // systeminformation takes 40 ms to load and Linux never needs it.
  const { mem } = (await import('systeminformation')).default;
  const { total, available } = await mem();
  return { total, available };
}

/**
 * The same within the limits of the control groups around this process (cgroups(7), versions 1 and 2): files in a tmpfs are charged
 * to the group that wrote them. A group's file cache counts as available, as it does for the machine.
 * @param read the text of a system file, null when it does not exist
 */
export function withinContainer(machine: Memory, read: (path: string) => string | null): Memory {
  return limitsAround(read).reduce(
    (memory, { limit, used }) => ({
      total: Math.min(memory.total, limit),
      available: Math.min(memory.available, Math.max(0, limit - used)),
    }),
    machine,
  );
}

const versions = {
  v1: { mount: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes', cache: 'total_' },
  v2: { mount: '/sys/fs/cgroup', limit: 'memory.max', used: 'memory.current', cache: '' },
};

function limitsAround(read: (path: string) => string | null): { limit: number; used: number }[] {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const memory = lines.find((line) => line?.[1]?.split(',').includes('memory'));
  const version = versions[memory ? 'v1' : 'v2'];
  const own = (memory ?? lines.find((line) => line?.[1] === ''))?.[2];
  if (own === undefined) return [];
  // In a container the path may be the one outside of it: missing levels are skipped, up to the mounted one.
  return upwards(own).flatMap((group) => {
    const file = (name: string) => read(posix.join(version.mount, group, name)) ?? '';
    const limit = Number(file(version.limit).trim() || 'max');
    if (!Number.isFinite(limit)) return [];
    const cached = ['inactive_file', 'active_file'].map((name) => figure(file('memory.stat'), version.cache + name));
    return [{ limit, used: Number(file(version.used)) - cached.reduce((sum, bytes) => sum + bytes, 0) }];
  });
}

function upwards(group: string): string[] {
  return group === '/' ? ['/'] : [group, ...upwards(posix.dirname(group))];
}

function figure(stat: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
