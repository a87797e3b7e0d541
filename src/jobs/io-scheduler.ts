import { setTimeout as sleep } from 'node:timers/promises';
import { isNetwork } from '../media/medium.ts';
import { bounded } from '../runtime/deadline.ts';
import type { DiskContention } from './disk-contention.ts';
import type { Job, Standing } from './job.ts';
import type { RateLimiter } from './rate-limiter.ts';

/**
 * Interval at which one of the copies that yield to a program on their disk takes a step, ms: they finish, and cost that program
 * a few per cent.
 */
const trickleMs = 1000;

/** Watches other programs' reads from a disk. */
type Foreign = Pick<DiskContention, 'watch' | 'givesWay' | 'why'>;

/**
 * Gives running copies their turns: none to paused copies and to those held by an awaited copy, few to those whose disk serves
 * another program, and to copies with a rate limit when a step is due.
 */
export class IoScheduler {
  readonly #pacer: RateLimiter;
  readonly #running: () => readonly Job[];
  readonly #tell: (id: number, paced: boolean) => void;
  #paced = new Map<number, boolean>();
  #held = new Map<number, () => void>();
  /** Time at which the last promised step of a disk is due, by `performance.now()`. */
  #stepAt = new Map<string, number>();
  readonly #foreign: Foreign | null;
  paused = false;

  /** @param foreign null = copies do not yield to other programs */
  constructor(
    pacer: RateLimiter,
    foreign: Foreign | null,
    running: () => readonly Job[],
    tell: (id: number, paced: boolean) => void,
  ) {
    this.#pacer = pacer;
    this.#foreign = foreign;
    this.#running = running;
    this.#tell = tell;
  }

  /** Whether a job must ask for its steps from its start. */
  begin(job: Job): boolean {
    const paced = this.#mustAsk(job);
    this.#paced.set(job.id, paced);
    return paced;
  }

  /** Resolves when the job may take its step. @param from `peer`: other hosts of the farm give the bytes, and no disk here is read */
  async ask(job: Job, bytes: number, from: 'source' | 'peer' = 'source'): Promise<void> {
    if (from === 'source' && this.#yields(job)) await bounded(this.#released(job), this.#untilStep(job));
    while (this.#paced.has(job.id) && this.#isHeld(job)) await this.#released(job);
    await sleep(this.#pacer.enter(from === 'peer' ? from : job.medium, bytes));
  }

  end(job: Job): void {
    this.#paced.delete(job.id);
    this.#release(job.id);
  }

  /** The cause of a running job's delay, if any. */
  standingOf(job: Job): Standing {
    if (this.paused) return { status: 'paused' };
    if (this.#isHeld(job)) return { status: 'held' };
    if (!this.#yields(job)) return { status: this.#pacer.isBound(job.medium) ? 'limited' : 'running' };
    const why = this.#foreign?.why(job.reads);
    return { status: 'giving-way', ...(why && { why }) };
  }

  /** To be called when jobs have come, gone or changed their priority, or when a rate has. */
  reconsider(): void {
    this.#foreign?.watch(
      this.#running()
        .filter(mayYield)
        .map(({ reads }) => reads),
    );
    for (const job of this.#running()) {
      const before = this.#paced.get(job.id);
      if (before === undefined) continue;
      const paced = this.#mustAsk(job);
      this.#paced.set(job.id, paced);
      if (paced !== before) this.#tell(job.id, paced);
      if (!this.#yields(job)) this.#stepAt.delete(job.disk);
      if (!this.#isHeld(job) && !this.#yields(job)) this.#release(job.id);
    }
  }

  /** @returns ms until the next step of this job's disk that is not promised yet */
  #untilStep({ disk }: Job): number {
    const now = performance.now();
    const at = Math.max(now, this.#stepAt.get(disk) ?? now) + trickleMs;
    this.#stepAt.set(disk, at);
    return at - now;
  }

  #mustAsk(job: Job): boolean {
    const comesFromPeers = isNetwork(job.medium) && this.#pacer.isBound('peer');
    return this.#isHeld(job) || this.#yields(job) || this.#pacer.isBound(job.medium) || comesFromPeers;
  }

  #yields(job: Job): boolean {
    return mayYield(job) && this.#foreign?.givesWay(job.reads) === true;
  }

  /** An awaited copy holds all others from the same disk, and any compressing. */
  #isHeld(job: Job): boolean {
    if (this.paused) return true;
    const isInTheWay = (other: Job) => other.disk === job.disk || job.kind === 'compress';
    return job.priority !== 'wait' && this.#running().some((other) => other.priority === 'wait' && isInTheWay(other));
  }

  #released({ id }: Job): Promise<void> {
    return new Promise((resolve) => this.#held.set(id, resolve));
  }

  #release(id: number): void {
    this.#held.get(id)?.();
    this.#held.delete(id);
  }
}

/** No program waits for it. */
function mayYield({ priority }: Job): boolean {
  return priority !== 'wait';
}
