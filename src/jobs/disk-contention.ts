import { linuxCounters, type ReadCounters } from '../media/disk-counters.ts';
import type { Clock } from '../runtime/clock.ts';

const sampleMs = 200;
/** Each sample keeps this share of the sums before it. */
const kept = 0.8;
/** A disk counts as read by others when at least this many bytes are not ours and make at least this share of all. */
const noticedBytes = 4 * 1024 * 1024;
const noticedShare = 0.12;
/** The two counters do not move at the same moment: ours may lead by the reads under way. */
const mostAhead = -4 * 1024 * 1024;
/**
 * A yielded disk is quiet when others read slower than this, bytes per second, or than this share of our speed beside them: they do
 * not need it. After this time of quiet it is free again, ms.
 */
const quietBelow = 3 * 1024 * 1024;
const quietShare = 0.2;
const quietMs = 1000;
/** After a yield that was quiet from its start, no new one begins for this time, ms. */
const pardonMs = 5000;

/** A disk that copies yield to other programs. */
interface Yielded {
  /** Programs that read slower than this do not need the disk, bytes per second. */
  quietBelow: number;
  quietSince: number | null;
  /** Whether it has been quiet from its start. */
  falseAlarm: boolean;
}

export interface DiskContentionOptions {
  clock: Clock;
  /** The disks of a root, joined by `+`; null when unknown. */
  diskOf(root: string): string | null;
  /** Called when `isRead` may have changed. */
  onChange(): void;
  /** Null where the system has no such counters: everywhere but on Linux. */
  counters?: () => ReadCounters | null;
}

/** Whether other programs read from the disks of the copied sources: the kernel's count for a disk, less its count for us. */
export class DiskContention implements Disposable {
  readonly #options: DiskContentionOptions;
  readonly #counters: () => ReadCounters | null;
  #watched: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #before: { at: number; counters: ReadCounters } | null = null;
  /** Bytes read from the free disks, by all and by others; of several disks, the busiest are meant. */
  #all = 0;
  #others = 0;
  #pardonedUntil = Number.NEGATIVE_INFINITY;
  #yielded = new Map<string, Yielded>();

  constructor(options: DiskContentionOptions) {
    this.#options = options;
    this.#counters = options.counters ?? linuxCounters;
  }

  /** Watches the disks of these roots from here on, and no others. */
  watch(roots: readonly string[]): void {
    this.#watched = [...new Set(roots.flatMap((root) => this.#disksOf(root)))];
    if (this.#watched.length === 0) this[Symbol.dispose]();
    else this.#timer ??= setInterval(() => this.sample(), sampleMs).unref();
  }

  /** A program was told to read from there itself: it counts as reading until the disk has been quiet for a while. */
  expect(root: string): void {
    const disks = this.#disksOf(root).filter((disk) => this.#watched.includes(disk) && !this.#yielded.has(disk));
    if (disks.length === 0 || !this.#counters()) return;
    for (const disk of disks) this.#yielded.set(disk, { quietBelow, quietSince: null, falseAlarm: false });
    this.#options.onChange();
  }

  isRead(root: string): boolean {
    return this.#yielded.size > 0 && this.#disksOf(root).some((disk) => this.#yielded.has(disk));
  }

  /** Compares with the sample before. */
  sample(): void {
    const counters = this.#counters();
    const before = this.#before;
    const at = this.#options.clock.monotonic();
    this.#before = counters && { at, counters };
    if (!counters || !before || at <= before.at) return;
    const seconds = (at - before.at) / 1000;
    const bytesOf = (disk: string) => (counters.disks.get(disk) ?? 0) - (before.counters.disks.get(disk) ?? 0);
    const released = this.#release(bytesOf, { at, seconds });
    const noticed = this.#notice(bytesOf, { at, seconds, own: counters.own - before.counters.own });
    if (released || noticed) this.#options.onChange();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#before = null;
    this.#forget();
    this.#yielded.clear();
  }

  /** Nearly all reads from a yielded disk are by others. */
  #release(bytesOf: (disk: string) => number, { at, seconds }: { at: number; seconds: number }): boolean {
    let changed = false;
    for (const [disk, state] of this.#yielded) {
      const quiet = bytesOf(disk) / seconds < state.quietBelow;
      state.quietSince = quiet ? (state.quietSince ?? at) : null;
      if (!quiet) state.falseAlarm = false;
      if (state.quietSince === null || at - state.quietSince < quietMs) continue;
      this.#yielded.delete(disk);
      if (state.falseAlarm) this.#pardonedUntil = at + pardonMs;
      changed = true;
    }
    return changed;
  }

  #notice(bytesOf: (disk: string) => number, { at, seconds, own }: { at: number; seconds: number; own: number }): boolean {
    const free = this.#watched.filter((disk) => !this.#yielded.has(disk));
    const all = free.reduce((sum, disk) => sum + bytesOf(disk), 0);
    this.#all = (this.#all + all) * kept;
    this.#others = Math.max(mostAhead, (this.#others + all - own) * kept);
    if (at < this.#pardonedUntil || this.#others < Math.max(noticedBytes, noticedShare * this.#all)) return false;
    const busiest = Math.max(...free.map(bytesOf));
    const state = { quietBelow: Math.max(quietBelow, (quietShare * own) / seconds), quietSince: null, falseAlarm: true };
    for (const disk of free) if (bytesOf(disk) > busiest / 2) this.#yielded.set(disk, { ...state });
    this.#forget();
    return true;
  }

  #forget(): void {
    this.#all = 0;
    this.#others = 0;
  }

  #disksOf(root: string): string[] {
    return this.#options.diskOf(root)?.split('+') ?? [];
  }
}
