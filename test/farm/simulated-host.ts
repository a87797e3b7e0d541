import type { SwarmEntry } from '../../src/farm/directory.ts';
import type { Swarm } from '../../src/farm/swarm.ts';

/** What happens to a farm while it fetches a content. Times are ms after the start. */
export interface Schedule {
  chunks: number;
  seed: number;
  /** ms that a chunk takes from the origin, for all readers together. */
  originChunkTime: number;
  slots: number;
  hosts: HostPlan[];
  /** The directory does not answer for this time. */
  away?: { at: number; for: number } | undefined;
  /** The first `far` hosts reach neither the directory nor the other hosts for this time. */
  cut?: { at: number; for: number; far: number } | undefined;
  /** The first `hosts` reach all other hosts, and not the directory, for this time. */
  alone?: { at: number; for: number; hosts: number } | undefined;
  /** The directory forgets everything. */
  flushedAt?: number | undefined;
}

export interface HostPlan {
  joinsAt: number;
  /** ms that a chunk takes over its link. */
  chunkTime: number;
  /** ms that it takes a chunk of the origin to take, from former copies. */
  knownChunkTime?: number | undefined;
  diesAt?: number | undefined;
  /** Its own source is away. */
  sourceAway?: boolean | undefined;
  hangs?: { at: number; for: number } | undefined;
  /** Every byte that it gives to others is wrong. */
  lies?: boolean | undefined;
}

/** One host of the simulated farm: what real ones do with sockets and files, done with a clock. */
export class SimulatedHost {
  readonly id: string;
  readonly plan: HostPlan;
  readonly swarm: Swarm;
  readonly entry: SwarmEntry;
  /** Whether it is among those that are cut off from other hosts; or from the directory alone. */
  readonly isFar: boolean;
  readonly isAlone: boolean;
  uploads = 0;
  originReads = 0;
  /** Hosts that it asks itself, while the directory is away. */
  readonly asked = new Set<string>();
  /** Hosts that the directory has told of last. */
  told: ReadonlySet<string> = new Set();
  /** Whether the directory has told it how to reach others. */
  hasMet = false;
  finishedAt: number | null = null;
  /** The longest time in which nothing arrived, ms. */
  longestPause = 0;
  lastArrival: number;
  /** Number of the next step that time alone brings: any other step makes it needless. */
  wake = 0;

  constructor({
    id,
    plan,
    swarm,
    entry,
    isFar,
    isAlone,
  }: Pick<SimulatedHost, 'id' | 'plan' | 'swarm' | 'entry' | 'isFar' | 'isAlone'>) {
    this.id = id;
    this.plan = plan;
    this.swarm = swarm;
    this.entry = entry;
    this.isFar = isFar;
    this.isAlone = isAlone;
    this.lastArrival = plan.joinsAt;
  }

  isDead(now: number): boolean {
    return this.plan.diesAt !== undefined && now >= this.plan.diesAt;
  }

  /** When it goes on, if it hangs; else now. */
  awake(now: number): number {
    const { hangs } = this.plan;
    return hangs !== undefined && now >= hangs.at && now < hangs.at + hangs.for ? hangs.at + hangs.for : now;
  }
}

/** The same entry; counts what it is asked, by name. */
export function counting(entry: SwarmEntry, questions: Record<string, number>): SwarmEntry {
  return new Proxy(entry, {
    get(target, name: keyof SwarmEntry) {
      return (...args: unknown[]) => {
        questions[name] = (questions[name] ?? 0) + 1;
        return (target[name] as (...all: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** Mulberry32: the same numbers for a seed on every machine. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
