import { type JobKind, type Medium, type Priority, priorities } from '../core/types.ts';

export interface Queued {
  id: number;
  priority: Priority;
  /** A compress job does not count against the limits; at most one runs. */
  readonly kind: JobKind;
  /** Its place among jobs of its priority: a lower one goes first. */
  readonly turn: number;
  /** The file is small: waiting takes longer than reading, so such jobs share a place. */
  readonly isSmall: boolean;
  /** The source's medium, and its disk, or its root where the disk is unknown. Limits apply to each. */
  medium: Medium;
  disk: string;
}

export interface QueueLimits {
  jobs: number;
  perSource: Partial<Record<Medium, number>>;
}

/** Small jobs that take one place of a limit together. */
const smallTogether = 32;

/**
 * Chooses the next copy to start. Highest priority first, then first come, first served, unless one was raised; a job whose source is busy lets later ones
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
    const firsts = new Map<string, T>();
    for (const job of this.#waiting) {
      const first = firsts.get(laneOf(job));
      if (!first || inOrder(job, first) < 0) firsts.set(laneOf(job), job);
    }
    const ready = [...firsts.values()].sort(inOrder).filter((job) => this.#sourceHasRoom(job));
    // Small copies, which need less of a place, do not pass a large copy that waits for one either.
    const copy = ready.find(({ kind }) => kind !== 'compress');
    const next = ready.find((job) => job.kind === 'compress' || (job === copy && this.#hasPlace(job)));
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
    const wanted = { medium, disk, priority: 'wait', kind: 'copy', isSmall: false } as const;
    if (this.#sourceHasRoom(wanted) && this.#hasPlace(wanted)) return [];
    const waiting = this.running.filter((job) => job.priority === 'wait');
    const beside = waiting.filter((job) => job.disk === disk);
    return beside.length > 0 ? beside : waiting;
  }

  #sourceHasRoom(wanted: Wanted): boolean {
    if (wanted.kind === 'compress') return !this.running.some(({ kind }) => kind === 'compress');
    const limit = this.#limits.perSource[wanted.medium];
    const beside = this.#rivals(wanted).filter(({ disk }) => disk === wanted.disk);
    return limit === undefined || placesOf([...beside, wanted]) <= limit;
  }

  #hasPlace(wanted: Wanted): boolean {
    return placesOf([...this.#rivals(wanted), wanted]) <= this.#limits.jobs;
  }

  /** The running copies that take room from this one. */
  #rivals({ priority }: Wanted): T[] {
    return this.running.filter((job) => job.kind !== 'compress' && (priority !== 'wait' || job.priority === 'wait'));
  }
}

/** A job, or one that may come. */
type Wanted = Omit<Queued, 'id' | 'turn'>;

/** The number of places that these jobs take. */
function placesOf(jobs: readonly Pick<Queued, 'isSmall'>[]): number {
  const small = jobs.filter(({ isSmall }) => isSmall).length;
  return jobs.length - small + Math.ceil(small / smallTogether);
}

/** Copies that take each other's room are in one lane, and do not pass each other: small ones would keep a large one waiting. */
function laneOf({ kind, medium, disk }: Queued): string {
  return kind === 'compress' ? kind : `${medium} ${disk}`;
}

/** Turns grow in the order of the requests, unless one was raised. */
export function inOrder(a: Pick<Queued, 'priority' | 'turn'>, b: Pick<Queued, 'priority' | 'turn'>): number {
  return rank(a) - rank(b) || a.turn - b.turn;
}

/** 0 is the highest. */
export function rank({ priority }: { priority: Priority }): number {
  return priorities.indexOf(priority);
}
