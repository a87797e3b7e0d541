import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from './job.ts';
import type { Pacer } from './pacer.ts';

/** Gives running copies their turns: paused ones none, ones that give way none, and bounded ones when they are due. */
export class Turns {
  readonly #pacer: Pacer;
  readonly #running: () => readonly Job[];
  readonly #tell: (id: number, paced: boolean) => void;
  #paced = new Map<number, boolean>();
  #held = new Map<number, () => void>();
  paused = false;

  constructor(pacer: Pacer, running: () => readonly Job[], tell: (id: number, paced: boolean) => void) {
    this.#pacer = pacer;
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
    while (this.#paced.has(job.id) && this.#isHeld(job)) {
      await new Promise<void>((resolve) => this.#held.set(job.id, resolve));
    }
    await sleep(this.#pacer.enter(job.medium, bytes));
  }

  end(job: Job): void {
    this.#paced.delete(job.id);
    this.#release(job.id);
  }

  /** To be called when jobs have come, gone or changed their priority, or when a rate has. */
  reconsider(): void {
    for (const job of this.#running()) {
      const before = this.#paced.get(job.id);
      if (before === undefined) continue;
      const paced = this.#mustAsk(job);
      this.#paced.set(job.id, paced);
      if (paced !== before) this.#tell(job.id, paced);
      if (!this.#isHeld(job)) this.#release(job.id);
    }
  }

  #mustAsk(job: Job): boolean {
    return this.#isHeld(job) || this.#pacer.isBound(job.medium);
  }

  /** While somebody waits for a copy from the same source, the others from there stand still; compressing does so for anybody. */
  #isHeld(job: Job): boolean {
    if (this.paused) return true;
    const isInTheWay = (other: Job) => other.root === job.root || job.tier === 'cold';
    return job.priority !== 'wait' && this.#running().some((other) => other.priority === 'wait' && isInTheWay(other));
  }

  #release(id: number): void {
    this.#held.get(id)?.();
    this.#held.delete(id);
  }
}
