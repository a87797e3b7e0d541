import { setImmediate as nextTurn } from 'node:timers/promises';

/** Maximum time for which work may block the event loop, ms: a lookup would notice more. */
const workMs = 5;

/** The items that fit; with pauses, because there may be many and each check may take time. */
export async function filterInTurns<T>(items: Iterable<T>, fits: (item: T) => boolean): Promise<T[]> {
  const pauses = new Pauses();
  const found: T[] = [];
  for (const item of items) {
    if (fits(item)) found.push(item);
    if (pauses.isDue) await pauses.take();
  }
  return found;
}

/** The results of `map`, begun with pauses, because there may be thousands and each takes time on the daemon's own thread. */
export async function mapInTurns<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const pauses = new Pauses();
  const begun: Promise<R>[] = [];
  for (const item of items) {
    const one = map(item);
    // A failure while others are begun is reported at the end.
    one.catch(() => {});
    begun.push(one);
    await pauses.take();
  }
  return Promise.all(begun);
}

/** The pauses of long work on the daemon's own thread: in each of them all other work has its turn. */
export class Pauses {
  readonly #signal: AbortSignal | undefined;
  #dueAt = performance.now() + workMs;

  /** @param signal ends the work at the next pause */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  get isDue(): boolean {
    return performance.now() >= this.#dueAt;
  }

  /** Await this between two steps; returns at once when no pause is due. @throws AbortError once the signal is aborted */
  async take(): Promise<void> {
    if (!this.isDue) return;
    await nextTurn(undefined, this.#signal && { signal: this.#signal });
    this.#dueAt = performance.now() + workMs;
  }
}
