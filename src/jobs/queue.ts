import { type JobKind, type Medium, type Priority, priorities } from '../core/types.ts';

export interface Queued {
  id: number;
  priority: Priority;
  /** A compress job does not count against the limits; at most one runs. */
  readonly kind: JobKind;
  /** The source's medium, and its disk, or its root where the disk is unknown. Limits apply to each. */
  medium: Medium;
  disk: string;
}

export interface QueueLimits {
  jobs: number;
  perSource: Partial<Record<Medium, number>>;
}

/**
 * Chooses the next copy to start. Highest priority first, then first come, first served; a job whose source is busy lets later ones
 * of other sources pass. An awaited copy does not wait for background copies: those give way. Pure: starts nothing.
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

  /** Removes a waiting job. @returns false when it is not waiting. */
  remove(id: number): boolean {
    const index = this.#waiting.findIndex((job) => job.id === id);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  finished(id: number): void {
    this.#running.delete(id);
  }

  /** Jobs of which one must end before an awaited copy of this source can start. */
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
