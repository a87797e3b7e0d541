/** Maximum time by which a lagging schedule may catch up, as timers lag, ms. */
const slackMs = 50;

interface Waiting {
  bytes: number;
  isAwaited: boolean;
  go(): void;
}

/** Lets bytes leave at a bounded rate, in one schedule: first those that a program of the asker waits for. */
export class UploadTurns {
  /** Maximum bytes per second; null = no limit. */
  #rate: number | null = null;
  readonly #waiting: Waiting[] = [];
  #nextAt = 0;
  #timer: NodeJS.Timeout | undefined;

  set rate(rate: number | null) {
    this.#rate = rate;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next();
  }

  /** Resolves when this number of bytes may leave. */
  turn(bytes: number, isAwaited: boolean): Promise<void> {
    if (this.#rate === null) return Promise.resolve();
    return new Promise((go) => {
      const behind = isAwaited ? this.#waiting.findIndex((one) => !one.isAwaited) : -1;
      this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, { bytes, isAwaited, go });
      this.#next();
    });
  }

  #next(): void {
    if (this.#timer !== undefined || this.#waiting.length === 0) return;
    const delay = this.#rate === null ? 0 : this.#nextAt - performance.now();
    this.#timer = setTimeout(() => this.#give(), Math.max(0, delay));
  }

  #give(): void {
    this.#timer = undefined;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    if (this.#rate !== null) {
      this.#nextAt = Math.max(this.#nextAt, performance.now() - slackMs) + (first.bytes / this.#rate) * 1000;
    }
    first.go();
    this.#next();
  }
}
