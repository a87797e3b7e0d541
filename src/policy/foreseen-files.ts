const dayMs = 24 * 3600 * 1000;
/** Time after which an unfulfilled prediction counts as wrong, ms. */
const lastsMs = dayMs;
/** Maximum number of remembered files. */
const most = 1000;
/** Number of judged arrivals, and the prior: right ones and all. */
const [judged, priorRight, priorAll] = [50, 4, 5];
/** Minimum share of arrivals loaded within a day; below it nothing is expected of them. */
const goodEnough = 0.3;

/** The origin of a prediction: the workflow that likely comes next, or the open one. */
export type Foresaw = 'next' | 'open';

/**
 * Files that will likely be loaded, by their paths, until they are, for at most a day: those of the next and of the open workflow, and
 * new files of the library. The measured share of new files loaded within a day is their probability.
 */
export class ForeseenFiles {
  readonly #groups = new Map<Foresaw, { paths: Set<string>; probability: number; until: number }>();
  /** Expiry of each, wall-clock ms, the first ones first. */
  readonly #arrived = new Map<string, number>();
  #judged: boolean[];

  /** @param judged a former value of `judged` */
  constructor(judged: readonly boolean[] = []) {
    this.#judged = [...judged];
  }

  /** Whether the last new files were loaded within a day, the oldest first. */
  get judged(): readonly boolean[] {
    return this.#judged;
  }

  /** Share of the new files that are loaded within a day. */
  get arrivalsLoaded(): number {
    return (this.#judged.filter((right) => right).length + priorRight) / (this.#judged.length + priorAll);
  }

  /** Replaces the earlier predictions of the same origin. @param now wall-clock ms */
  foresee(by: Foresaw, paths: Iterable<string>, { probability, now }: { probability: number; now: number }): void {
    this.#groups.set(by, { paths: new Set(paths), probability, until: now + lastsMs });
  }

  /** A new file is in the library. @param now wall-clock ms @returns whether it will likely be loaded */
  arrived(path: string, now: number): boolean {
    this.#giveUp(now);
    if (!this.#arrived.has(path)) this.#arrived.set(path, now + lastsMs);
    return this.arrivalsLoaded >= goodEnough;
  }

  /** A program loads it. @param now wall-clock ms */
  loaded(path: string, now: number): void {
    this.#giveUp(now);
    if (this.#arrived.delete(path)) this.#judge(true);
    for (const { paths } of this.#groups.values()) paths.delete(path);
  }

  /** The probability that it is loaded. @param now wall-clock ms */
  likely(path: string, now: number): number {
    let likely = 0;
    for (const { paths, probability, until } of this.#groups.values()) {
      if (now < until && paths.has(path)) likely = Math.max(likely, probability);
    }
    const until = this.#arrived.get(path);
    return until !== undefined && now < until ? Math.max(likely, this.arrivalsLoaded) : likely;
  }

  #giveUp(now: number): void {
    for (const [path, until] of this.#arrived) {
      if (now < until && this.#arrived.size <= most) return;
      this.#arrived.delete(path);
      this.#judge(false);
    }
  }

  #judge(right: boolean): void {
    this.#judged = [...this.#judged, right].slice(-judged);
  }
}
