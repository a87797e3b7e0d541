import type { SourceFile } from '../core/types.ts';
import { type DiskReads, linuxCounters, type ReadCounters } from '../media/disk-counters.ts';
import { type ReadingProgram, ReadingPrograms } from '../media/reading-programs.ts';
import type { Clock } from '../runtime/clock.ts';
import { ForeignReads } from './foreign-reads.ts';
import { GivingWay, type Suspicion } from './giving-way.ts';

const sampleMs = 50;
/** A program that waits for a disk is examined when it has read this much since the last check, bytes. */
const noticedBytes = 256 * 1024;
/** A look at a program that needed nothing is not repeated for this time, ms. */
const uselessMs = 32_000;
/** At least this share of a waiting program's reads must come from the disk; else it waits for another one. */
const leastFromDisk = 0.5;
/** Assumed maximum speed of a disk, bytes per second, until a higher one is seen. */
const leastPeak = 80 * 1024 * 1024;
/** The speed of a disk is a mean over about this time, ms. It counts after `leastMs`, and is forgotten within `forgetMs`. */
const meanMs = 600;
const leastMs = 300;
const forgetMs = 60_000;
/** Below this size, bytes, a direct load finishes before its copy could slow it. */
const leastExpected = 64 * 1024 * 1024;
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
  /** Copies give way because a program was told to read from the disk, not because one was seen to. */
  isTold: boolean;
  /** Bytes read since copies give way: by programs from any disk, and from this disk by all. */
  readers: Map<number, Pick<ReadingProgram, 'name' | 'bytes'>>;
  bytes: number;
}

/** Reads from a disk since the sample before. */
type Since = (name: string) => DiskReads;

export interface DiskContentionOptions {
  clock: Clock;
  /** Whether copies yield at all; left out = they do. */
  polite?: () => boolean;
  /** The disks of a source, joined by `+`; null when unknown. */
  diskOf(path: string): string | null;
  /** Called when `givesWay` or `why` may have changed. */
  onChange(): void;
  /** Null where the system has no such counters: everywhere but on Linux. */
  counters?: () => ReadCounters | null;
  programs?: Pick<ReadingPrograms, 'next' | 'these'>;
}

/**
 * The disks that copies yield to other programs. Samples the kernel's counts for each disk and for us; `ForeignReads` and
 * `GivingWay` decide.
 */
export class DiskContention implements Disposable {
  readonly #options: DiskContentionOptions;
  readonly #counters: () => ReadCounters | null;
  readonly #programs: Pick<ReadingPrograms, 'next' | 'these'>;
  readonly #disks = new Map<string, Disk>();
  /** Programs whose look was useless, until when, monotonic ms. */
  readonly #useless = new Map<number, number>();
  readonly #foreign = new ForeignReads();
  #watched: Disk[] = [];
  #stoppedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #before: { at: number; counters: ReadCounters } | null = null;

  constructor(options: DiskContentionOptions) {
    this.#options = options;
    this.#counters = options.counters ?? linuxCounters;
    this.#programs = options.programs ?? new ReadingPrograms();
  }

  /** Watches the disks of these sources from here on, and no others. */
  watch(paths: readonly string[]): void {
    const { polite = () => true } = this.#options;
    const names = new Set(polite() ? paths.flatMap((path) => this.#namesOf(path)) : []);
    if (names.size === this.#watched.length && this.#watched.every(({ name }) => names.has(name))) return;
    const absent = this.#options.clock.monotonic() - this.#stoppedAt;
    const before = this.#watched;
    this.#watched = [...names].map((name) => this.#diskOf(name));
    if (before.length === 0) for (const { giving } of this.#watched) giving.resume(absent);
    this.#foreign.reset();
    if (names.size === 0) this[Symbol.dispose]();
    else this.#timer ??= setInterval(() => this.sample(), sampleMs).unref();
  }

  /** A program was told to read this source itself: copies yield until it proves not to. */
  expect(path: string): void {
    const names = this.#namesOf(path);
    const disks = this.#watched.filter(({ name, giving }) => names.includes(name) && !giving.active);
    if (disks.length === 0 || !this.#counters()) return;
    for (const disk of disks) {
      disk.giving.expect(this.#options.clock.monotonic());
      if (disk.giving.active) this.#began(disk, { isTold: true });
    }
    this.#options.onChange();
  }

  /** The same, where that takes a while, once the copy has begun: before, its disk is not watched. */
  expectLoad({ path, fingerprint }: Pick<SourceFile, 'path' | 'fingerprint'>): void {
    if (fingerprint.size >= leastExpected) setImmediate(() => this.expect(path));
  }

  /** Whether the copy of this source yields. */
  givesWay(path: string): boolean {
    return this.#givingOn(path) !== undefined;
  }

  /** The program it yields to, in a sentence; null when it does not. */
  why(path: string): string | null {
    const disk = this.#givingOn(path);
    if (!disk) return null;
    if (disk.isTold && disk.bytes < noticedBytes) return `a program was told to read from the disk ${disk.name}`;
    const [busiest] = [...disk.readers].sort(([, a], [, b]) => b.bytes - a.bytes);
    const most = busiest ? `; ${busiest[1].name} (${busiest[0]}) reads most at the moment` : '';
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
      const grown = (key: keyof DiskReads) => (now?.[key] ?? 0) - (then?.[key] ?? 0);
      return { bytes: grown('bytes'), waitMs: grown('waitMs'), busyMs: grown('busyMs') };
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
    const programs = this.#programs.next();
    let changed = false;
    for (const disk of this.#watched) {
      const was = disk.giving.active;
      const { bytes, waitMs, busyMs } = since(disk.name);
      if (was) {
        disk.bytes += bytes;
        changed = this.#noteReaders(disk, programs) || changed;
      } else this.#learn(disk, bytes, ms);
      const isWaitedFor = was && this.#isWaitedFor(disk);
      const suspicion = was || bytes <= busiest / 2 ? 'none' : this.#suspicion(disk, programs, at);
      disk.giving.sample({ at, ms, bytes, waitMs: isWaitedFor ? ms : waitMs, busyMs }, disk.peak, suspicion);
      if (disk.giving.active === was) continue;
      changed = true;
      if (!was) this.#began(disk, { seen: programs.filter(({ waits }) => waits) });
      else if (!disk.giving.wasWorthIt) for (const pid of disk.readers.keys()) this.#useless.set(pid, at + uselessMs);
    }
    if (!changed) return;
    this.#foreign.reset();
    this.#options.onChange();
  }

  #suspicion({ peak, isKnown }: Disk, programs: readonly ReadingProgram[], at: number): Suspicion {
    if (!isKnown) return 'none';
    const isNew = ({ pid }: ReadingProgram) => at >= (this.#useless.get(pid) ?? at);
    const waiting = programs.some((program) => program.waits && program.bytes >= noticedBytes && isNew(program));
    if (waiting || this.#foreign.rate >= muchShare * peak) return 'much';
    return this.#foreign.isNoticed ? 'some' : 'none';
  }

  /** @returns whether the first reader has become known */
  #noteReaders({ readers }: Disk, programs: readonly ReadingProgram[]): boolean {
    const wereKnown = readers.size > 0;
    for (const { pid, name, bytes } of programs) readers.set(pid, { name, bytes: bytes + (readers.get(pid)?.bytes ?? 0) });
    return !wereKnown && readers.size > 0;
  }

  /** Whether one of the programs that have read since copies give way waits at this moment, and gets its bytes from this disk. */
  #isWaitedFor({ readers, bytes: fromDisk }: Disk): boolean {
    let isWaitedFor = false;
    for (const { pid, name, bytes, waits } of this.#programs.these(readers.keys())) {
      const all = bytes + (readers.get(pid)?.bytes ?? 0);
      readers.set(pid, { name, bytes: all });
      if (waits && fromDisk >= leastFromDisk * all) isWaitedFor = true;
    }
    return isWaitedFor;
  }

  #learn(disk: Disk, bytes: number, ms: number): void {
    disk.ms += ms;
    disk.mean += ((bytes / ms) * 1000 - disk.mean) * Math.max(ms / disk.ms, 1 - Math.exp(-ms / meanMs));
    if (disk.ms < leastMs) return;
    disk.isKnown = true;
    disk.peak = Math.max(leastPeak, disk.mean, disk.peak - (disk.peak - disk.mean) * Math.min(1, ms / forgetMs));
  }

  /** @param seen the programs that were seen to wait: they may be why */
  #began(disk: Disk, { isTold = false, seen = [] }: { isTold?: boolean; seen?: readonly ReadingProgram[] }): void {
    disk.isTold = isTold;
    disk.mean = 0;
    disk.ms = 0;
    disk.bytes = 0;
    disk.readers.clear();
    for (const { pid, name } of seen) disk.readers.set(pid, { name, bytes: 0 });
  }

  #givingOn(path: string): Disk | undefined {
    const names = this.#namesOf(path);
    return this.#watched.find(({ name, giving }) => giving.active && names.includes(name));
  }

  #diskOf(name: string): Disk {
    const unknown = { peak: leastPeak, isKnown: false, mean: 0, ms: 0 };
    const disk = this.#disks.get(name) ?? {
      name,
      giving: new GivingWay(),
      ...unknown,
      isTold: false,
      readers: new Map(),
      bytes: 0,
    };
    this.#disks.set(name, disk);
    return disk;
  }

  #namesOf(path: string): string[] {
    return this.#options.diskOf(path)?.split('+') ?? [];
  }
}
