import { DiskContention } from '../../src/jobs/disk-contention.ts';
import { ManualClock } from './manual-clock.ts';

const MiB = 2 ** 20;
const stepMs = 50;
const diskBytes = 150e6;

/** Reads of another program if it had the disk to itself, at this moment, as a share of the disk's speed. */
type Program = (ms: number) => number;

interface Options {
  /** Bytes per second that copies may read; default: all that the disk has left. */
  rate?: number;
  /** A program is told to read from the disk itself, once when the copy begins, or every so many ms. */
  told?: 'once' | number;
  /** For a program that always waits for the disk, its remaining share beside a copy. */
  beside?: number;
  waits?: boolean;
  /** Whether the system tells what the program does; of those of other users it does not. */
  seen?: boolean;
  /** What the program reads comes from another disk. */
  elsewhere?: boolean;
}

/** A disk of 150 MB/s, in steps of time: a copy and another program read from it, and the kernel counts. */
export class SharedDisk {
  readonly #clock = new ManualClock();
  readonly #options: Options;
  readonly #program: Program;
  readonly #contention: DiskContention;
  #disk = { bytes: 0, waitMs: 0, busyMs: 0 };
  #own = 0;
  #ms = 0;
  #readSeen = 0;
  /** Bytes read by the copy and by the program, and time for which the copy was stopped, ms. */
  copied = 0;
  read = 0;
  stillMs = 0;

  constructor(program: Program, options: Options = {}) {
    this.#program = program;
    this.#options = options;
    this.#contention = new DiskContention({
      clock: this.#clock,
      diskOf: () => 'sda',
      onChange: () => {},
      counters: () => ({ disks: new Map([['sda', { ...this.#disk }]]), own: this.#own }),
      programs: {
        next: () => this.#seen(),
        these: () => this.#seen(),
      },
    });
    this.#contention.watch(['/r']);
    this.#contention.sample();
    if (options.told !== undefined) this.#contention.expect('/r');
  }

  get givesWay(): boolean {
    return this.#contention.givesWay('/r');
  }

  get ms(): number {
    return this.#ms;
  }

  step(): void {
    const { rate = diskBytes, told, beside = 0.5, waits = false, seen = false, elsewhere = false } = this.#options;
    const yielding = this.givesWay;
    const wanted = this.#program(this.#ms);
    if (elsewhere) this.read += 10e6;
    const share = elsewhere ? 0 : yielding ? wanted : Math.min(wanted, Math.max(beside, 1 - rate / diskBytes));
    const foreign = (share * diskBytes * stepMs) / 1000;
    const ours = yielding ? 1e6 * (stepMs / 1000) : (Math.min(rate, diskBytes * (1 - share)) * stepMs) / 1000;
    this.copied += ours;
    this.read += foreign;
    if (yielding) this.stillMs += stepMs;
    this.#ms += stepMs;
    this.#clock.advance(stepMs);
    this.#disk.bytes += ours + foreign;
    this.#disk.busyMs += stepMs * Math.min(1, share + (ours * 1000) / (diskBytes * stepMs));
    this.#disk.waitMs += wanted > 0 && waits && !seen ? stepMs : stepMs * share;
    // Three or four reads of 2 MiB are under way beside the finished ones, but not while the copy is stopped.
    this.#own = this.copied + (yielding ? 0 : (6 + 2 * ((this.#ms / stepMs) % 2)) * MiB);
    if (typeof told === 'number' && this.#ms % told === 0) this.#contention.expect('/r');
    this.#contention.sample();
  }

  /** Lets time pass until this holds. @returns how long that took, ms */
  until(holds: () => boolean): number {
    const from = this.#ms;
    while (!holds() && this.#ms - from < 3_600_000) this.step();
    return this.#ms - from;
  }

  #seen() {
    const { waits = false, seen = false } = this.#options;
    if (!seen || this.#program(this.#ms) === 0) return [];
    const bytes = this.read - this.#readSeen;
    this.#readSeen = this.read;
    return [{ pid: 4711, name: 'python3', bytes, waits: waits || (this.#ms / stepMs) % 8 === 0 }];
  }

  [Symbol.dispose](): void {
    this.#contention[Symbol.dispose]();
  }
}
