const now = () => performance.now();

export interface OriginTimes {
  /** Interval between two looks, ms. */
  renewal: number;
  /** Time without bytes after which an origin is silent, ms. */
  silence: number;
}

/** Watches the reads of a run: whether bytes arrive, and whether the origin has fallen silent. Late bytes end the silence. */
export class OriginReads {
  readonly #times: OriginTimes;
  readonly #onChange: (isSilent: boolean) => void;
  readonly #silent = Promise.withResolvers<void>();
  #heardAt = now();
  #lookedAt = now();
  /** True while read bytes are being kept and the origin is not read. */
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

  /** Records that bytes have arrived. */
  heard(): void {
    this.#heardAt = now();
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#onChange(false);
  }

  /** Works with the bytes read, while the origin is not read. */
  async without(work: () => Promise<void>): Promise<void> {
    this.#isIdle = true;
    try {
      await work();
    } finally {
      this.#isIdle = false;
      this.heard();
    }
  }

  /** To be called periodically. @returns whether bytes have arrived since the last look */
  look(): boolean {
    const { renewal, silence } = this.#times;
    const at = now();
    const hasArrived = this.#heardAt > this.#lookedAt;
    // This process itself was stopped: bytes that have arrived meanwhile are reported in a moment.
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
