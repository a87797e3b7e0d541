import { setTimeout as sleep } from 'node:timers/promises';

/** Bounds and start of the number of concurrent requests to one remote. */
const bounds = { least: 4, first: 8, most: 64 };
/** Length of a measurement window, ms. */
const windowMs = 2000;
/** Minimum share of the proportional gain that additional requests must bring. */
const leastShare = 0.5;
/** Number of windows to the next step after one without gain. */
const restWindows = 10;
/** Time within which several slow-down answers count as one, ms. */
const momentMs = 1000;

interface Window {
  endsAt: number;
  bytes: number;
  /** Whether all allowed requests were in flight, and another one was wanted. */
  full: boolean;
}

/**
 * Sets the number of concurrent requests to a remote, over all of its files. It grows while that brings more bytes, quickly at
 * first and then by one, and is halved at once when the remote asks for fewer. All times are of one monotonic clock, ms.
 */
export class Pace {
  readonly #now: () => number;
  #limit = bounds.first;
  #underWay = 0;
  readonly #waiting: (() => void)[] = [];
  #window: Window | null = null;
  /** Bytes per ms of the last window that was full, and the limit before its last growth. */
  #best = 0;
  #before: number | null = null;
  #isQuick = true;
  #rest = 0;
  #pausedUntil = 0;
  #halvedAt = Number.NEGATIVE_INFINITY;
  /** Duration of whole parts, smoothed; 0 = none yet. */
  #typicalMs = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get limit(): number {
    return this.#limit;
  }

  get typicalMs(): number {
    return this.#typicalMs;
  }

  /**
   * Resolves when one more request may be sent; the returned function ends its turn.
   * @param signal ends the wait during a pause that the remote has asked for
   */
  async turn(signal?: AbortSignal): Promise<() => void> {
    const restMs = this.#pausedUntil - this.#now();
    if (restMs > 0) await sleep(restMs, undefined, signal && { signal }).catch(() => {});
    if (this.#underWay >= this.#limit) {
      if (this.#window) this.#window.full = true;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#underWay += 1;
    let ended = false;
    return () => {
      if (!ended) this.#end();
      ended = true;
    };
  }

  /** Bytes have come. */
  received(bytes: number): void {
    const now = this.#now();
    this.#window ??= { endsAt: now + windowMs, bytes: 0, full: false };
    this.#window.bytes += bytes;
    if (this.#underWay >= this.#limit) this.#window.full = true;
    if (now < this.#window.endsAt) return;
    const { full, endsAt, bytes: all } = this.#window;
    this.#window = { endsAt: now + windowMs, bytes: 0, full: false };
    if (full) this.#judge(all / (now - endsAt + windowMs));
  }

  /** A whole part has come. */
  took(ms: number): void {
    this.#typicalMs = this.#typicalMs === 0 ? ms : this.#typicalMs + (ms - this.#typicalMs) / 8;
  }

  /** The remote asks for fewer requests, or breaks off. @param pauseMs for which it wants none at all */
  slowDown(pauseMs: number | null = null): void {
    this.#isQuick = false;
    const now = this.#now();
    this.#pausedUntil = Math.max(this.#pausedUntil, now + (pauseMs ?? 0));
    if (now - this.#halvedAt < momentMs) return;
    this.#halvedAt = now;
    this.#limit = Math.max(bounds.least, Math.floor(this.#limit / 2));
    this.#best = 0;
    this.#before = null;
    this.#rest = 1;
    this.#window = null;
  }

  #judge(rate: number): void {
    const hoped = this.#before === null ? 1 : 1 + leastShare * (this.#limit / this.#before - 1);
    if (this.#before !== null && rate < this.#best * hoped) {
      this.#limit = this.#before;
      this.#before = null;
      this.#isQuick = false;
      this.#rest = restWindows;
      return;
    }
    this.#best = rate;
    if (this.#rest > 0) {
      this.#rest -= 1;
      return;
    }
    this.#before = this.#limit;
    this.#limit = Math.min(bounds.most, this.#isQuick ? Math.ceil(this.#limit * 1.5) : this.#limit + 1);
    while (this.#underWay < this.#limit && this.#waiting.length > 0) this.#begin();
  }

  #end(): void {
    this.#underWay -= 1;
    while (this.#underWay < this.#limit && this.#waiting.length > 0) this.#begin();
  }

  #begin(): void {
    this.#underWay += 1;
    this.#waiting.shift()?.();
  }
}
