import type { Run } from './directory.ts';

/** Maximum chunks of a claim, and its target duration, ms: short enough that the others soon have something to fetch. */
export const longestClaim = 8;
const claimTime = 2000;
/** Number of times by which the origin must be faster than all peers together to be read beside them. */
const clearly = 3;
/** Time per chunk that is assumed of an unknown origin, ms: peers that bring less than half a chunk a second have it tried. */
const assumed = 2000 / clearly;

/** How fast this host reads the origin: from the last run, before that from former copies. */
export class OriginPace {
  /** ms per chunk. */
  #chunkTime = Number.POSITIVE_INFINITY;
  readonly #formerChunkTime: number;
  #runStarted = 0;

  /** @param formerChunkTime ms per chunk in former copies; Infinity = unknown */
  constructor(formerChunkTime = Number.POSITIVE_INFINITY) {
    this.#formerChunkTime = formerChunkTime;
  }

  begin(now: number): void {
    this.#runStarted = now;
  }

  /** Records the end of a run; if there is another one, it begins now. */
  ended({ from, to }: Run, now: number): void {
    this.#chunkTime = Math.max(1, (now - this.#runStarted) / (to - from));
    this.#runStarted = now;
  }

  /** Chunks that the origin gives within the time of a claim. */
  get claimLength(): number {
    return Math.max(1, Math.min(longestClaim, Math.round(claimTime / this.#chunkTime)));
  }

  /** Whether a chunk takes less than a claim may take. */
  get isFast(): boolean {
    return this.#chunkTime < claimTime;
  }

  /**
   * Chunks per ms that peers must bring, for the origin not to be read beside them.
   * @param crowd number of fetching hosts over those that one host hears of
   * @param fetching number of these: they share an origin that they read
   */
  least(crowd: number, fetching: number): number {
    // An origin that was slow may have been busy then.
    const untried = Math.min(assumed, this.#formerChunkTime * fetching);
    const chunkTime = Number.isFinite(this.#chunkTime) ? this.#chunkTime * fetching : untried;
    return 1 / (clearly * crowd * chunkTime);
  }
}
