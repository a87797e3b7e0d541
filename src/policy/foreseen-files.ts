const dayMs = 24 * 3600 * 1000;
/** What was foreseen and has not come by then was wrong, ms. */
const lastsMs = dayMs;
/** Files that are kept in mind. */
const most = 1000;
/** Arrivals that are judged, and how many are taken as right and wrong before the first. */
const [judged, priorRight, priorAll] = [50, 4, 5];
/** Of arrivals, nothing is expected while so few of them are loaded within a day. */
const goodEnough = 0.3;

/** Whence a group of files is foreseen: the workflow that likely comes next, or the one that is open. */
export type Foresaw = 'next' | 'open';

/**
 * Files that will likely be loaded, by their paths, until they are, for a day at most: those of the workflow that comes next, of the one
 * that is open, and new files of the library. How many new files are loaded within a day is measured, and is their probability.
 */
export class ForeseenFiles {
  readonly #groups = new Map<Foresaw, { paths: Set<string>; probability: number; until: number }>();
  /** When each is given up, wall-clock ms, the first ones first. */
  readonly #arrived = new Map<string, number>();
  #judged: boolean[];

  /** @param judged of `judged` */
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

  /** These files take the place of what was foreseen in the same way before. @param now wall-clock ms */
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

  /** How likely a load of it is. @param now wall-clock ms */
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
