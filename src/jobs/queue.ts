import { type JobKind, type Medium, type Priority, priorities } from '../core/types.ts';

export interface Queued {
  id: number;
  priority: Priority;
  /** Compressing takes no place of others, and goes one by one. */
  readonly kind: JobKind;
  /** What the source lies on, and which of them: a disk, or where that is not known a root. Limits are for each. */
  medium: Medium;
  disk: string;
}

export interface QueueLimits {
  jobs: number;
  perSource: Partial<Record<Medium, number>>;
}

/**
 * Which copy starts next. Highest priority first, then first come, first served; a job whose source is busy lets later ones of
 * other sources pass. What somebody waits for is not kept by copies that nobody waits for: those give way. Pure: it starts nothing.
 */
export class CopyQueue<T extends Queued> {
  readonly #limits: QueueLimits;
  #waiting: T[] = [];
  #running = new Map<number, T>();

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get waiting(): readonly T[] {
    return this.#waiting;
  }

  get running(): readonly T[] {
    return [...this.#running.values()];
  }

  push(job: T): void {
    this.#waiting.push(job);
  }

  /** Takes the next job that may start now, or undefined. */
  take(): T | undefined {
    let next: T | undefined;
    for (const job of this.#waiting) {
      const better = !next || rank(job) < rank(next);
      if (better && this.#hasRoom(job)) next = job;
    }
    if (next) {
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#running.set(next.id, next);
    }
    return next;
  }

  /** Takes a waiting job out. @returns false when it is not waiting. */
  remove(id: number): boolean {
    const index = this.#waiting.findIndex((job) => job.id === id);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  finished(id: number): void {
    this.#running.delete(id);
  }

  /** Jobs of which one must end before a job of this source that somebody waits for can start. */
  before({ medium, disk }: Pick<T, 'medium' | 'disk'>): T[] {
    if (this.#hasRoom({ medium, disk, priority: 'wait', kind: 'copy' })) return [];
    const waiting = this.running.filter((job) => job.priority === 'wait');
    const beside = waiting.filter((job) => job.disk === disk);
    return beside.length > 0 ? beside : waiting;
  }

  #hasRoom({ medium, disk, priority, kind }: Omit<Queued, 'id'>): boolean {
    if (kind === 'compress') return !this.running.some((job) => job.kind === 'compress');
    const copies = this.running.filter((job) => job.kind !== 'compress');
    const rivals = copies.filter((job) => priority !== 'wait' || job.priority === 'wait');
    const limit = this.#limits.perSource[medium];
    const sourceHasRoom = limit === undefined || rivals.filter((job) => job.disk === disk).length < limit;
    return rivals.length < this.#limits.jobs && sourceHasRoom;
  }
}

/** 0 is the highest. */
export function rank({ priority }: { priority: Priority }): number {
  return priorities.indexOf(priority);
}
