const MiB = 1024 * 1024;
/** Other programs may need the disk once they have read this many bytes beside us. */
const noticed = 4 * MiB;
/** Programs that read slower than this are ignored, bytes per ms. */
const unnoticed = (6 * MiB) / 1000;
/**
 * Our reads count at their start, the disk's at their end. At most this many bytes are under way, and learnt within this time, ms.
 */
const mostUnderWay = 8 * MiB;
const learnMs = 700;
/** In a sample with less than this share of our usual reads, our copies were stopped, and their reads under way have ended. */
const standstill = 0.35;
/** Rates are means over about this time, ms. */
const meanMs = 600;

/** Bytes read from disks between two samples: by all programs, and by this process. */
export interface Counted {
  ms: number;
  all: number;
  own: number;
}

/** Whether other programs read from disks beside us: the kernel's count for the disks, less its count for us. Pure. */
export class ForeignReads {
  /** Bytes read by other programs, beyond those that our reads under way explain. */
  #excess = 0;
  /** Means, bytes per ms. */
  #own = 0;
  #rate = 0;

  /** The mean speed of other programs, bytes per second. */
  get rate(): number {
    return Math.max(0, this.#rate) * 1000;
  }

  /** Whether other programs read more than the odd read of a quiet system. */
  get isNoticed(): boolean {
    return this.#excess >= noticed;
  }

  count({ ms, all, own }: Counted): void {
    const foreign = all - own;
    const share = 1 - Math.exp(-ms / meanMs);
    if (own >= standstill * this.#own * ms) this.#excess = Math.max(-mostUnderWay, this.#excess + foreign);
    this.#excess -= this.#excess > 0 ? Math.min(this.#excess, unnoticed * ms) : this.#excess * Math.min(1, ms / learnMs);
    this.#own += (own / ms - this.#own) * share;
    this.#rate += (foreign / ms - this.#rate) * share;
  }

  /** Forgets everything: other copies read from here on. */
  reset(): void {
    this.#excess = 0;
    this.#own = 0;
    this.#rate = 0;
  }
}
