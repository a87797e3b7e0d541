import { setTimeout as sleep } from 'node:timers/promises';
import { bounded } from '../runtime/deadline.ts';
import type { DiskContention } from './disk-contention.ts';
import type { Job } from './job.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** A copy that gives way to another program still takes a step so often, ms: it comes to its end, and costs that one a few per cent. */
const trickleMs = 1000;

/** Who reads from the same disk. */
type Foreign = Pick<DiskContention, 'watch' | 'isRead'>;

/**
 * Gives running copies their turns: paused ones none, ones that give way to a copy that somebody waits for none, ones whose disk
 * another program reads from few, and bounded ones when they are due.
 */
export class IoScheduler {
  readonly #pacer: RateLimiter;
  readonly #running: () => readonly Job[];
  readonly #tell: (id: number, paced: boolean) => void;
  #paced = new Map<number, boolean>();
  #held = new Map<number, () => void>();
  readonly #foreign: Foreign | null;
  paused = false;

  /** @param foreign null = other programs are not given way to */
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

  /** Whether a job has to ask for its steps, as it is told when it starts. */
  begin(job: Job): boolean {
    const paced = this.#mustAsk(job);
    this.#paced.set(job.id, paced);
    return paced;
  }

  /** Resolves when the job may take its step. */
  async ask(job: Job, bytes: number): Promise<void> {
    if (this.#yields(job)) await bounded(this.#released(job), trickleMs);
    while (this.#paced.has(job.id) && this.#isHeld(job)) await this.#released(job);
    await sleep(this.#pacer.enter(job.medium, bytes));
  }

  end(job: Job): void {
    this.#paced.delete(job.id);
    this.#release(job.id);
  }

  /** To be called when jobs have come, gone or changed their priority, or when a rate has. */
  reconsider(): void {
    this.#foreign?.watch(
      this.#running()
        .filter(mayYield)
        .map(({ file }) => file.root),
    );
    for (const job of this.#running()) {
      const before = this.#paced.get(job.id);
      if (before === undefined) continue;
      const paced = this.#mustAsk(job);
      this.#paced.set(job.id, paced);
      if (paced !== before) this.#tell(job.id, paced);
      if (!this.#isHeld(job) && !this.#yields(job)) this.#release(job.id);
    }
  }

  #mustAsk(job: Job): boolean {
    return this.#isHeld(job) || this.#yields(job) || this.#pacer.isBound(job.medium);
  }

  #yields(job: Job): boolean {
    return mayYield(job) && this.#foreign?.isRead(job.file.root) === true;
  }

  /** While somebody waits for a copy from the same disk, the others from there stand still; compressing does so for anybody. */
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

/** Nobody waits for it, and it is read from its source. */
function mayYield({ priority, origin }: Job): boolean {
  return priority !== 'wait' && origin === null;
}
