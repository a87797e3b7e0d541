/** Copies do not yield to programs that use less than this share of the disk's speed. */
const needyShare = 0.2;
/** A program that always waits for the disk counts as using this share of it, even if it gets few bytes. */
const waitingShare = 0.4;
/** Copies stop within this time after the order, ms. Until then the counted reads may be ours. */
const settleMs = 100;
/** The use by others is then measured for at least this time, ms. */
const lookMs = 150;
/** Their use is a mean over about this time, ms. It sets how long the disk is kept for a program that ends or pauses. */
const meanMs = 560;
/**
 * Yielding for a shorter time was useless, ms. The next measurements are then put off, first by `pardonMs`, then by twice as long
 * each time.
 */
const worthMs = 1000;
const pardonMs = 2000;
const leastPardonMs = 1000;
const longestPardonMs = 32_000;
/** Copies begin afresh after a gap of this length, ms. */
const absentMs = 1000;
/** After yielding for this time, ms, copies take turns of this length and get this share of the time. */
const patienceMs = 60_000;
const turnMs = 1000;
const copiesShare = 0.2;
/** Each ms of running pays for this many ms of yielding. */
const price = 1 / copiesShare - 1;

/** Reads from the disk between two samples. */
export interface DiskUse {
  /** The time of the later sample, monotonic, and the time between the two, ms. */
  at: number;
  ms: number;
  bytes: number;
  /** The sum over all reads of their durations, ms: equals `ms` when one is always under way. */
  waitMs: number;
  /** Time in which at least one read or write was under way, ms. */
  busyMs: number;
}

/** Estimated use by other programs beside running copies: `some` is worth a measurement, `much` is a good part of the disk. */
export type Suspicion = 'none' | 'some' | 'much';

interface Stand {
  since: number;
  /** Reads count from here on. */
  from: number;
  /** The time counted so far, ms, and the mean share used by others in it. */
  ms: number;
  used: number;
  isTold: boolean;
}

/**
 * Whether copies from one disk yield to other programs. They stop at once when a program may need the disk, measure, and continue
 * when none does; after a useless stop the next one is put off. A disk in constant use is shared after a minute: a fifth of the
 * time belongs to copies. Pure: times and counts come from the caller.
 */
export class GivingWay {
  #stand: Stand | null = null;
  /** Time that copies have yielded and not been paid for, ms. */
  #given = 0;
  #inTurn = false;
  #releasedAt = Number.NEGATIVE_INFINITY;
  #pardonedUntil = Number.NEGATIVE_INFINITY;
  /** Whether the last time of giving way was of use. */
  wasWorthIt = true;
  #pardonMs = pardonMs;

  /** Whether copies are stopped. */
  get active(): boolean {
    return this.#stand !== null;
  }

  /** To be called when copies read from the disk again after a gap of this length, ms. */
  resume(absent: number): void {
    if (absent < absentMs) return;
    this.#stand = null;
    this.#inTurn = false;
    this.#given = Math.max(0, this.#given - absent);
  }

  /** To be called when a program was told to read from the disk itself. @param at monotonic ms */
  expect(at: number): void {
    if (!this.#stand && !this.#inTurn && at >= this.#pardonedUntil) this.#begin(at, at, true);
  }

  /** Takes a sample. @param peak known maximum speed of the disk, bytes per second */
  sample(use: DiskUse, peak: number, suspicion: Suspicion): void {
    if (this.#stand) this.#standStill(this.#stand, use, peak);
    else this.#run(use, suspicion);
  }

  #standStill(stand: Stand, use: DiskUse, peak: number): void {
    const { at, ms } = use;
    this.#given += ms;
    if (at - ms >= stand.from) {
      const share = shareOf(use, peak);
      stand.ms += ms;
      stand.used += (share - stand.used) * Math.max(ms / stand.ms, 1 - Math.exp(-ms / meanMs));
    }
    if (stand.ms >= lookMs && stand.used < needyShare) this.#release(stand, at);
    else if (this.#given >= patienceMs) {
      this.#stand = null;
      this.#inTurn = true;
      this.wasWorthIt = true;
    }
  }

  #release({ since, isTold }: Stand, at: number): void {
    this.#stand = null;
    // A program that was told to read may begin only now.
    this.#releasedAt = isTold ? Number.NEGATIVE_INFINITY : at;
    this.wasWorthIt = at - since >= worthMs;
    this.#pardonedUntil = this.wasWorthIt ? at : at + this.#pardonMs;
    this.#pardonMs = this.wasWorthIt ? pardonMs : Math.min(longestPardonMs, 2 * this.#pardonMs);
  }

  #run({ at, ms }: DiskUse, suspicion: Suspicion): void {
    this.#given = Math.max(0, this.#given - price * ms);
    if (this.#inTurn) {
      if (this.#given > patienceMs - price * turnMs) return;
      // The disk was in use when the turn began.
      this.#inTurn = false;
      this.#begin(at, at + settleMs);
    } else if (this.#isWorthALook(suspicion, at)) this.#begin(at, at + settleMs);
  }

  #isWorthALook(suspicion: Suspicion, at: number): boolean {
    if (suspicion === 'none') return false;
    const isPardoned = !this.wasWorthIt && at < this.#releasedAt + leastPardonMs;
    return suspicion === 'much' ? !isPardoned : at >= this.#pardonedUntil;
  }

  #begin(since: number, from: number, isTold = false): void {
    this.#stand = { since, from, ms: 0, used: 0, isTold };
  }
}

/**
 * The share of a disk that reads take. It is never more than the time for which the disk is busy: copies with a bound never see how
 * fast the disk can be. Not every disk counts that time.
 */
function shareOf({ ms, bytes, waitMs, busyMs }: DiskUse, peak: number): number {
  const ofSpeed = Math.min((bytes / ms) * (1000 / peak), (busyMs || ms) / ms);
  return Math.min(1, Math.max(ofSpeed, waitingShare * Math.min(1, waitMs / ms)));
}
