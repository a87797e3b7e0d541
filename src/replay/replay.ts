import { afterUse, type Counting, type Habits, noHabits } from '../core/demand.ts';
import { noVotes, withUse } from '../core/votes.ts';
import type { Candidate, Policy, PolicyContext } from '../policy/policy.ts';
import { Contents, type File } from './contents.ts';
import { PromptQueue } from './prompt-queue.ts';
import type { Read, Run, Trace } from './trace.ts';

export interface ReplayOptions {
  /** Maximum bytes in the cache of each host. */
  capacity: number;
  policy: (context: PolicyContext, host: readonly Read[]) => Policy;
  /** Ratio of a file's size to that in the cold tier; null = no cold tier. */
  coldRatio: ((read: Read) => number) | null;
  /** Reads before that are not counted: they only fill the caches. Seconds since the beginning of the trace. */
  from?: number;
  /** The daemon's when left out. */
  counting?: Counting;
}

export interface Outcome {
  reads: number;
  bytes: number;
  /** Reads that found a copy, and the restores of a compressed one among them. */
  hits: number;
  coldHits: number;
  hitBytes: number;
  /** Bytes written to the SSD: copies, compressed copies, restored ones. */
  writtenBytes: number;
  /** Seconds to read everything from its source, and seconds saved by copies, less the time of restores. */
  sourceSeconds: number;
  secondsSaved: number;
}

/** Seconds that a copy of everything would have saved, and no copy did: what the misses cost. */
export function missSeconds({ sourceSeconds, bytes, secondsSaved }: Outcome): number {
  return sourceSeconds - bytes / ssdSpeed - secondsSaved;
}

/** Bytes per second of reading a copy, and of restoring a compressed one. */
const [ssdSpeed, restoreSpeed] = [2e9, 1e9];

/**
 * Plays a trace through caches that work as the daemon does, with its policies. A read that misses copies the file, the least
 * valuable copies leave for it, and the policy may decide that they are worth more. With a cold tier, the least valuable copies are
 * compressed when the limit comes near. Copying and compressing take no time here, and there is no queue.
 */
export function replay(trace: Trace, options: ReplayOptions): Outcome {
  const steps = replaying(trace, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in steps of a few ms, between which others may work. */
export function* replaying(trace: Trace, options: ReplayOptions): Generator<void, Outcome> {
  const total: Outcome = {
    reads: 0,
    bytes: 0,
    hits: 0,
    coldHits: 0,
    hitBytes: 0,
    writtenBytes: 0,
    sourceSeconds: 0,
    secondsSaved: 0,
  };
  for (const [index, reads] of trace.hosts.entries()) {
    const host = new Host(options, total, { reads, runs: trace.runs?.[index] ?? [] });
    for (const [k, read] of reads.entries()) {
      host.read(read);
      if (k % perStep === 0) yield;
    }
  }
  return total;
}

/** Reads in one step. */
const perStep = 32;

class Host {
  readonly #options: ReplayOptions;
  readonly #outcome: Outcome;
  readonly #policy: Policy;
  readonly #files = new Map<string, File>();
  readonly #contents: Contents;
  readonly #queue: PromptQueue;
  #habits: Habits = noHabits(0);
  #tick = 0;
  #now = 0;

  constructor(options: ReplayOptions, outcome: Outcome, { reads, runs }: { reads: readonly Read[]; runs: readonly Run[] }) {
    this.#options = options;
    this.#outcome = outcome;
    // Every entry that it is asked of is one of these files.
    const secondsPerByte = (entry: Candidate['entry']) => (entry as File).secondsPerByte;
    const pace = (entry: Candidate['entry']) => (entry as File).pace;
    this.#queue = new PromptQueue(runs);
    const expected = (path: string) => this.#queue.expected(path, this.#now);
    const context = { now: () => this.#now, secondsPerByte, pace, habits: () => this.#habits, expected };
    this.#policy = options.policy(context, reads);
    this.#contents = new Contents(options.capacity, this.#policy);
  }

  read(read: Read): void {
    this.#now = read.at * 1000;
    this.#queue.read(read);
    const file = this.#used(read);
    const state = this.#contents.stateOf(file);
    const written = this.#outcome.writtenBytes;
    if (state === 'cold') this.#restore(file);
    if (state === null) this.#copy(file);
    if (this.#options.coldRatio) for (const bytes of this.#contents.demote(this.#tick)) this.#outcome.writtenBytes += bytes;
    if (read.at >= (this.#options.from ?? Number.NEGATIVE_INFINITY)) this.#count(read, state);
    else this.#outcome.writtenBytes = written;
  }

  #used(read: Read): File {
    const before = this.#files.get(read.file);
    this.#tick += 1;
    const votes = withUse(before ?? noVotes, this.#now);
    const { demand, habits } = afterUse(before?.demand ?? null, this.#habits, this.#now, this.#options.counting);
    this.#habits = habits;
    const secondsPerByte = Math.max(1 / read.sourceSpeed - 1 / ssdSpeed, 1e-15);
    const file: File = before ?? {
      path: read.file,
      root: '',
      uses: 0,
      lastUse: 0,
      ...votes,
      fingerprint: { size: read.size, mtimeNs: '0', ino: null },
      secondsPerByte,
      pace: `${secondsPerByte}`,
      // A file is not worth compressing if its source is as fast as a restore.
      coldRatio: read.sourceSpeed < restoreSpeed ? (this.#options.coldRatio?.(read) ?? 1) : 1,
    };
    Object.assign(file, votes, { demand, uses: file.uses + 1, lastUse: this.#tick });
    if (before) this.#contents.touched(file);
    else this.#files.set(read.file, file);
    return file;
  }

  #count({ size, sourceSpeed }: Read, state: 'hot' | 'cold' | null): void {
    const outcome = this.#outcome;
    outcome.reads += 1;
    outcome.bytes += size;
    outcome.sourceSeconds += size / sourceSpeed;
    if (state === null) return;
    outcome.hits += 1;
    outcome.hitBytes += size;
    outcome.secondsSaved += size / sourceSpeed - size / ssdSpeed;
    if (state === 'hot') return;
    outcome.coldHits += 1;
    outcome.secondsSaved -= size / restoreSpeed;
  }

  #copy(file: File): void {
    const { size } = file.fingerprint;
    const victims = this.#contents.victimsFor(size, file, this.#tick);
    if (!victims) return;
    const short = this.#contents.short(size);
    const candidates = victims.map(({ file: entry, bytes }) => ({ entry, bytes }));
    if (!this.#policy.admit({ entry: file, bytes: size }, candidates, this.#tick, short)) return;
    for (const { file: victim } of victims) this.#contents.remove(victim);
    this.#contents.put(file, 'hot');
    this.#outcome.writtenBytes += size;
  }

  /** Restores to the SSD, if room can be made; the compressed copy leaves afterwards. */
  #restore(file: File): void {
    const victims = this.#contents.victimsFor(file.fingerprint.size, file, this.#tick);
    const worth = (entry: File, bytes: number) => this.#policy.score({ entry, bytes }, this.#tick);
    // Otherwise it is loaded through memory: a more valuable copy does not leave for it.
    if (!victims || victims.some(({ file: victim, bytes }) => worth(victim, bytes) >= worth(file, bytes))) return;
    for (const { file: victim } of victims) this.#contents.remove(victim);
    this.#contents.put(file, 'hot');
    this.#outcome.writtenBytes += file.fingerprint.size;
  }
}
