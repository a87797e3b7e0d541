const now = () => performance.now();

export interface OriginTimes {
  /** Between two looks, ms. */
  renewal: number;
  /** An origin that gives nothing for so long is silent, ms. */
  silence: number;
}

/** Watches the reads of a run: whether bytes arrive, and whether the origin has fallen silent. Reads that come late count again. */
export class OriginReads {
  readonly #times: OriginTimes;
  readonly #onChange: (isSilent: boolean) => void;
  readonly #silent = Promise.withResolvers<void>();
  #heardAt = now();
  #lookedAt = now();
  /** What was read is being kept: the origin is not asked. */
  #isIdle = false;
  #isSilent = false;

  /** @param onChange called when it falls silent, and when it is heard again or the reads have ended */
  constructor(times: OriginTimes, onChange: (isSilent: boolean) => void) {
    this.#times = times;
    this.#onChange = onChange;
  }

  /** Resolves when the origin falls silent. */
  get silent(): Promise<void> {
    return this.#silent.promise;
  }

  /** Bytes have arrived. */
  heard(): void {
    this.#heardAt = now();
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#onChange(false);
  }

  /** Works with what was read, while nothing is asked of the origin. */
  async without(work: () => Promise<void>): Promise<void> {
    this.#isIdle = true;
    try {
      await work();
    } finally {
      this.#isIdle = false;
      this.heard();
    }
  }

  /** To be called again and again. @returns whether bytes have arrived since the look before */
  look(): boolean {
    const { renewal, silence } = this.#times;
    const at = now();
    const hasArrived = this.#heardAt > this.#lookedAt;
    // This process itself stood still: what has arrived meanwhile is told in a moment.
    if (at - this.#lookedAt > 2 * renewal) this.#heardAt = Math.max(this.#heardAt, at - renewal);
    this.#lookedAt = at;
    if (!this.#isIdle && !this.#isSilent && at - this.#heardAt > silence) {
      this.#isSilent = true;
      this.#onChange(true);
      this.#silent.resolve();
    }
    return hasArrived;
  }
}
