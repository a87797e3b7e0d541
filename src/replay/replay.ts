import { afterUse, type Counting, type Habits, noHabits } from '../core/demand.ts';
import { farmCountsOf } from '../core/farm-wishes.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { noVotes, withUse } from '../core/votes.ts';
import type { Candidate, Policy, PolicyContext } from '../policy/policy.ts';
import type { Means } from './ahead.ts';
import { Contents, type File } from './contents.ts';
import { CopiesAhead, type HostOfCopies, type MadeAhead } from './copies-ahead.ts';
import { PromptQueue } from './prompt-queue.ts';
import type { Read, Run, Trace } from './trace.ts';
import { inOrder, TracedFarm } from './traced-farm.ts';

export interface ReplayOptions {
  /** Maximum bytes in the cache of each host. */
  capacity: number;
  policy: (context: PolicyContext, host: readonly Read[]) => Policy;
  /** Ratio of a file's size to that in the cold tier; null = no cold tier. */
  coldRatio: ((read: Read) => number) | null;
  /** Speed of restoring a compressed copy, bytes per second; left out = the usual speed. */
  restoreSpeed?: number;
  /** Time before which reads only fill the caches and are not counted, seconds since the beginning of the trace. */
  from?: number;
  /** Left out = the daemon's. */
  counting?: Counting;
  /** Means by which files are copied before they are loaded; left out = none. */
  ahead?: ReadonlySet<Means>;
}

export interface Outcome {
  reads: number;
  bytes: number;
  /** Reads that found a copy, and those of them that restored a compressed one. */
  hits: number;
  coldHits: number;
  hitBytes: number;
  /** Bytes written to the SSD: copies, compressed copies, restored ones. */
  writtenBytes: number;
  /** Seconds to read everything from its source, and seconds saved by copies, less the time of restores. */
  sourceSeconds: number;
  secondsSaved: number;
  /** Set with copies ahead of need. */
  ahead?: MadeAhead;
}

/** The cost of misses: seconds that copies of everything would have saved in addition. */
export function missSeconds({ sourceSeconds, bytes, secondsSaved }: Outcome): number {
  return sourceSeconds - bytes / ssdSpeed - secondsSaved;
}

/** Bytes per second of reading a copy. */
const ssdSpeed = tierTraits.ssd.usualSpeed;

/**
 * Plays a trace through caches that work as the daemon does, with its policies. A read that misses copies the file, the least
 * valuable copies leave for it, and the policy may decide that they are worth more. With a cold tier, the least valuable copies are
 * compressed when the limit comes near. Hosts of one trace form a farm: each hears what the others have wanted until then. Copying
 * and compressing take no time here, and there is no queue.
 */
export function replay(trace: Trace, options: ReplayOptions): Outcome {
  const steps = replaying(trace, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same in steps of a few ms, between which other work can run. */
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
    ...(options.ahead && { ahead: { copies: 0, bytes: 0, used: 0, usedBytes: 0 } }),
  };
  const farm = trace.hosts.length > 1 ? new TracedFarm(trace.hosts.length) : null;
  const hosts = trace.hosts.map(
    (reads, k) => new Host(options, total, { reads, runs: trace.runs?.[k] ?? [], arrived: trace.arrived ?? [], farm }),
  );
  let done = 0;
  for (const { read, host } of inOrder(trace.hosts)) {
    farm?.until(read.at, () => {
      for (const one of hosts) one.until(read.at);
    });
    hosts[host]?.read(read);
    if (done++ % perStep === 0) yield;
  }
  return total;
}

/** Number of reads in one step. */
const perStep = 32;

interface HostReads {
  reads: readonly Read[];
  runs: readonly Run[];
  arrived: readonly Read[];
  /** Null when it is alone. */
  farm: TracedFarm | null;
}

class Host {
  readonly #options: ReplayOptions;
  readonly #outcome: Outcome;
  readonly #policy: Policy;
  readonly #files = new Map<string, File>();
  readonly #contents: Contents;
  readonly #queue: PromptQueue;
  readonly #ahead: CopiesAhead | null;
  readonly #farm: TracedFarm | null;
  #habits: Habits = noHabits(0);
  #tick = 0;
  #now = 0;

  constructor(options: ReplayOptions, outcome: Outcome, { reads, runs, arrived, farm: shared }: HostReads) {
    this.#options = options;
    this.#outcome = outcome;
    // Every entry that it is asked of is one of these files.
    const secondsPerByte = (entry: Candidate['entry']) => (entry as File).secondsPerByte;
    const pace = (entry: Candidate['entry']) => (entry as File).pace;
    this.#queue = new PromptQueue(runs);
    const expected = (path: string) => this.#queue.expected(path, this.#now);
    const expectedLater = (path: string) => this.#queue.expectedLater(path, this.#now);
    const foreseen = (path: string) => this.#ahead?.foreseen.likely(path, this.#now) ?? 0;
    const habits = () => this.#habits;
    this.#farm = shared;
    const farm = () => shared?.heard() ?? null;
    const context = { now: () => this.#now, secondsPerByte, pace, habits, farm, expected, expectedLater, foreseen };
    this.#policy = options.policy(context, reads);
    this.#contents = new Contents(options.capacity, this.#policy);
    const { ahead: by } = options;
    this.#ahead =
      by && outcome.ahead ? new CopiesAhead({ runs, arrived, by, made: outcome.ahead, host: this.#asHost() }) : null;
  }

  get #restoreSpeed(): number {
    return this.#options.restoreSpeed ?? tierTraits.cold.usualSpeed;
  }

  #asHost(): HostOfCopies {
    return {
      onTime: (at) => {
        this.#now = at * 1000;
        this.#queue.until(at);
      },
      file: (read) => this.#known(read),
      holds: (file) => this.#contents.stateOf(file) !== null,
      begin: (file) => this.#make(file),
      drop: (file) => this.#contents.remove(file),
      written: (bytes) => (this.#outcome.writtenBytes += bytes),
    };
  }

  /** Makes the copies ahead of need until then, seconds since the beginning of the trace. */
  until(at: number): void {
    this.#ahead?.until(at);
  }

  read(read: Read): void {
    this.#ahead?.until(read.at);
    this.#now = read.at * 1000;
    this.#queue.read(read);
    const file = this.#used(read);
    this.#ahead?.read(read, file);
    const state = this.#contents.stateOf(file);
    const written = this.#outcome.writtenBytes;
    if (state === 'cold') this.#restore(file);
    if (state === null) this.#copy(file);
    if (this.#options.coldRatio) for (const bytes of this.#contents.demote(this.#tick)) this.#outcome.writtenBytes += bytes;
    if (read.at >= (this.#options.from ?? Number.NEGATIVE_INFINITY)) this.#count(read, state);
    else this.#outcome.writtenBytes = written;
  }

  #used(read: Read): File {
    const file = this.#known(read);
    this.#tick += 1;
    const { votes, votedAt } = withUse(file, this.#now);
    const inFarm = farmCountsOf(this.#farm?.heard() ?? null, file, this.#now);
    const before = file.demand ?? null;
    const { demand, habits, told } = afterUse(before, this.#habits, this.#now, inFarm, this.#options.counting);
    this.#habits = habits;
    if (votedAt !== file.votedAt) this.#farm?.wished(file);
    Object.assign(file, { votes: votes + told, votedAt, demand, uses: file.uses + 1, lastUse: this.#tick });
    this.#contents.touched(file);
    return file;
  }

  #known(read: Read): File {
    const before = this.#files.get(read.file);
    if (before) return before;
    const secondsPerByte = Math.max(1 / read.sourceSpeed - 1 / ssdSpeed, 1e-15);
    const file: File = {
      path: read.file,
      root: '',
      rel: read.file,
      category: read.category,
      uses: 0,
      lastUse: 0,
      ...noVotes,
      demand: null,
      fingerprint: { size: read.size, mtimeNs: '0', ino: null },
      secondsPerByte,
      pace: `${secondsPerByte}`,
      // A file is not worth compressing if its source is as fast as a restore.
      coldRatio: read.sourceSpeed < this.#restoreSpeed ? (this.#options.coldRatio?.(read) ?? 1) : 1,
    };
    this.#files.set(read.file, file);
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
    outcome.secondsSaved -= size / this.#restoreSpeed;
  }

  #copy(file: File): void {
    if (this.#make(file)) this.#outcome.writtenBytes += file.fingerprint.size;
  }

  /** Makes room for a copy, if the policy admits it. */
  #make(file: File): boolean {
    const { size } = file.fingerprint;
    const victims = this.#contents.victimsFor(size, file, this.#tick);
    if (!victims) return false;
    const short = this.#contents.short(size);
    const candidates = victims.map(({ file: entry, bytes }) => ({ entry, bytes }));
    if (!this.#policy.admit({ entry: file, bytes: size }, candidates, this.#tick, short)) return false;
    for (const { file: victim } of victims) this.#contents.remove(victim);
    this.#contents.put(file, 'hot');
    return true;
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
