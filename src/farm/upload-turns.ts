/** Maximum time by which a lagging schedule may catch up, as timers lag, ms. */
const slackMs = 50;
/** Under a limit, one asker gets no more than this share of a second's bytes at once: the others take a host that is silent for dead. */
const share = 1 / 50;
const smallestTurn = 64 * 1024;

interface Waiting {
  bytes: number;
  isAwaited: boolean;
  go(bytes: number): void;
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

  /** Resolves when bytes may leave. @returns their number: at most the given one, and a multiple of 64 KiB if it is smaller */
  turn(bytes: number, isAwaited: boolean): Promise<number> {
    if (this.#rate === null) return Promise.resolve(bytes);
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
    let { bytes } = first;
    if (this.#rate !== null) {
      const most = this.#rate * share;
      bytes = Math.min(bytes, Math.max(smallestTurn, most - (most % smallestTurn)));
      this.#nextAt = Math.max(this.#nextAt, performance.now() - slackMs) + (bytes / this.#rate) * 1000;
    }
    first.go(bytes);
    this.#next();
  }
}
