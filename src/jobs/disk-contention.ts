import { type DiskReads, linuxCounters, type ReadCounters } from '../media/disk-counters.ts';
import { busiestSince, type ReadByProcess, readByOthers } from '../media/disk-readers.ts';
import type { Clock } from '../runtime/clock.ts';
import { ForeignReads } from './foreign-reads.ts';
import { GivingWay, type Suspicion } from './giving-way.ts';

const sampleMs = 50;
/** The program that reads most is determined over this time, ms. */
const nameMs = 600;
/** Assumed maximum speed of a disk, bytes per second, until a higher one is seen. */
const leastPeak = 80 * 1024 * 1024;
/** The speed of a disk is a mean over about this time, ms. It counts after `leastMs`, and is forgotten within `forgetMs`. */
const meanMs = 600;
const leastMs = 300;
const forgetMs = 60_000;
/** Programs that read this share of a disk's speed are worth measuring even after useless stops. */
const muchShare = 0.3;

interface Disk {
  name: string;
  giving: GivingWay;
  /** Maximum speed seen by copies, bytes per second, and whether there is one. */
  peak: number;
  isKnown: boolean;
  /** Mean speed since copies run, bytes per second, and the time since then, ms. */
  mean: number;
  ms: number;
  /** The program that has read most since copies yield, from any disk, as `python3 (4711)`; null when unknown. */
  who: string | null;
}

/** Reads from a disk since the sample before. */
type Since = (name: string) => DiskReads;

export interface DiskContentionOptions {
  clock: Clock;
  /** The disks of a root, joined by `+`; null when unknown. */
  diskOf(root: string): string | null;
  /** Called when `givesWay` or `why` may have changed. */
  onChange(): void;
  /** Null where the system has no such counters: everywhere but on Linux. */
  counters?: () => ReadCounters | null;
  readers?: { readByOthers(): Promise<ReadByProcess>; busiestSince(before: ReadByProcess): Promise<string | null> };
}

/**
 * The disks that copies yield to other programs. Samples the kernel's counts for each disk and for us; `ForeignReads` and
 * `GivingWay` decide.
 */
export class DiskContention implements Disposable {
  readonly #options: DiskContentionOptions;
  readonly #counters: () => ReadCounters | null;
  readonly #disks = new Map<string, Disk>();
  readonly #foreign = new ForeignReads();
  #watched: Disk[] = [];
  #stoppedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #before: { at: number; counters: ReadCounters } | null = null;

  constructor(options: DiskContentionOptions) {
    this.#options = options;
    this.#counters = options.counters ?? linuxCounters;
  }

  /** Watches the disks of these roots from here on, and no others. */
  watch(roots: readonly string[]): void {
    const names = new Set(roots.flatMap((root) => this.#namesOf(root)));
    if (names.size === this.#watched.length && this.#watched.every(({ name }) => names.has(name))) return;
    const absent = this.#options.clock.monotonic() - this.#stoppedAt;
    const before = this.#watched;
    this.#watched = [...names].map((name) => this.#diskOf(name));
    if (before.length === 0) for (const { giving } of this.#watched) giving.resume(absent);
    this.#foreign.reset();
    if (names.size === 0) this[Symbol.dispose]();
    else this.#timer ??= setInterval(() => this.sample(), sampleMs).unref();
  }

  /** A program was told to read from this root itself: copies yield until it proves not to. */
  expect(root: string): void {
    const names = this.#namesOf(root);
    const disks = this.#watched.filter(({ name, giving }) => names.includes(name) && !giving.active);
    if (disks.length === 0 || !this.#counters()) return;
    for (const disk of disks) {
      disk.giving.expect(this.#options.clock.monotonic());
      if (disk.giving.active) this.#began(disk);
    }
    this.#options.onChange();
  }

  /** Whether copies from this root yield. */
  givesWay(root: string): boolean {
    return this.#givingOn(root) !== undefined;
  }

  /** The program they yield to, in a sentence; null when they do not. */
  why(root: string): string | null {
    const disk = this.#givingOn(root);
    if (!disk) return null;
    const most = disk.who === null ? '' : `; ${disk.who} reads most at the moment`;
    return `another program reads from the disk ${disk.name}${most}`;
  }

  /** Compares with the sample before. */
  sample(): void {
    const counters = this.#counters();
    const before = this.#before;
    const at = this.#options.clock.monotonic();
    this.#before = counters && { at, counters };
    if (!counters || !before || at <= before.at) return;
    const since: Since = (name) => {
      const [now, then] = [counters.disks.get(name), before.counters.disks.get(name)];
      return { bytes: (now?.bytes ?? 0) - (then?.bytes ?? 0), waitMs: (now?.waitMs ?? 0) - (then?.waitMs ?? 0) };
    };
    this.#decide(since, { at, ms: at - before.at, own: counters.own - before.counters.own });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#before = null;
    this.#watched = [];
    this.#stoppedAt = this.#options.clock.monotonic();
  }

  #decide(since: Since, { at, ms, own }: { at: number; ms: number; own: number }): void {
    const free = this.#watched.filter(({ giving }) => !giving.active);
    const bytesOf = ({ name }: Disk) => since(name).bytes;
    this.#foreign.count({ ms, all: free.reduce((sum, disk) => sum + bytesOf(disk), 0), own });
    const busiest = Math.max(...free.map(bytesOf));
    let changed = false;
    for (const disk of this.#watched) {
      const was = disk.giving.active;
      const suspected = !was && bytesOf(disk) > busiest / 2;
      if (!was) this.#learn(disk, bytesOf(disk), ms);
      disk.giving.sample({ at, ms, ...since(disk.name) }, disk.peak, suspected ? this.#suspicion(disk) : 'none');
      if (disk.giving.active === was) continue;
      changed = true;
      if (!was) this.#began(disk);
    }
    if (!changed) return;
    this.#foreign.reset();
    this.#options.onChange();
  }

  #suspicion({ peak, isKnown }: Disk): Suspicion {
    if (!isKnown) return 'none';
    if (this.#foreign.rate >= muchShare * peak) return 'much';
    return this.#foreign.isNoticed ? 'some' : 'none';
  }

  #learn(disk: Disk, bytes: number, ms: number): void {
    disk.ms += ms;
    disk.mean += ((bytes / ms) * 1000 - disk.mean) * Math.max(ms / disk.ms, 1 - Math.exp(-ms / meanMs));
    if (disk.ms < leastMs) return;
    disk.isKnown = true;
    disk.peak = Math.max(leastPeak, disk.mean, disk.peak - (disk.peak - disk.mean) * Math.min(1, ms / forgetMs));
  }

  #began(disk: Disk): void {
    disk.mean = 0;
    disk.ms = 0;
    disk.who = null;
    void this.#name(disk);
  }

  async #name(disk: Disk): Promise<void> {
    const readers = this.#options.readers ?? { readByOthers, busiestSince };
    const before = await readers.readByOthers();
    setTimeout(async () => {
      if (!disk.giving.active) return;
      disk.who = await readers.busiestSince(before);
      if (disk.who !== null) this.#options.onChange();
    }, nameMs).unref();
  }

  #givingOn(root: string): Disk | undefined {
    const names = this.#namesOf(root);
    return this.#watched.find(({ name, giving }) => giving.active && names.includes(name));
  }

  #diskOf(name: string): Disk {
    const unknown = { peak: leastPeak, isKnown: false, mean: 0, ms: 0 };
    const disk = this.#disks.get(name) ?? { name, giving: new GivingWay(), ...unknown, who: null };
    this.#disks.set(name, disk);
    return disk;
  }

  #namesOf(root: string): string[] {
    return this.#options.diskOf(root)?.split('+') ?? [];
  }
}
