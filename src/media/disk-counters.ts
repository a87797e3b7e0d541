import { readFileSync } from 'node:fs';
import { readFromDisks } from '../runtime/page-cache.ts';

/** Reads from a disk since the system's start. */
export interface DiskReads {
  bytes: number;
  /** The sum over all reads of their durations, ms. */
  waitMs: number;
  /** Time in which at least one read or write was under way, ms. */
  busyMs: number;
}

/** Reads from disks since the system's start. */
export interface ReadCounters {
  /** By disk, under the kernel's name for it (`sda`). */
  disks: Map<string, DiskReads>;
  /** Bytes read for this process, from any disk. */
  own: number;
}

const sectorBytes = 512;

/** The counters of Linux for disks and for this process; null where either is missing. */
export function linuxCounters(): ReadCounters | null {
  try {
    const disks = readFileSync('/proc/diskstats', 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .map((fields): [string, DiskReads] => [
        fields[2] ?? '',
        { bytes: Number(fields[5]) * sectorBytes, waitMs: Number(fields[6]), busyMs: Number(fields[12]) },
      ]);
    const own = readFromDisks('self');
    return own === null ? null : { disks: new Map(disks), own };
  } catch {
    return null;
  }
}
