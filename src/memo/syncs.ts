/** Time without a new file after which waiting files are synced, and maximum time that a file waits, ms. */
const waits = { quietMs: 500, longestMs: 5000 };
/** More than this many unsynced files, or bytes of them, are synced without a wait, `atOnce` at a time. */
const most = { files: 32, bytes: 256 * 2 ** 20, atOnce: 2 };

interface Unsynced {
  bytes: number;
  since: number;
  sync(): Promise<void>;
}

/**
 * Syncs published files when no more of them come: beside a sync, a program that writes its next result takes two to three times as long.
 * Programs do not run further ahead of the disk than twice `most`.
 */
export class Syncs {
  readonly #waiting: Unsynced[] = [];
  readonly #running = new Set<Promise<void>>();
  /** Of all unsynced files. */
  #bytes = 0;
  /** When the last file came, monotonic ms. */
  #lastAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;

  /** A program begins to write a file. */
  expect(): void {
    this.#lastAt = performance.now();
  }

  /** Adds a published file. @param sync never rejects */
  add(bytes: number, sync: () => Promise<void>): void {
    this.expect();
    this.#bytes += bytes;
    this.#waiting.push({ bytes, sync, since: this.#lastAt });
    this.#next();
  }

  /** Resolves when another file may be published. */
  async room(): Promise<void> {
    while (this.#bytes > 2 * most.bytes || this.#files > 2 * most.files) await Promise.race(this.#running);
  }

  /** Syncs the waiting files at once, and resolves when all are synced. */
  async settled(): Promise<void> {
    this.#isEnding = true;
    this.#next();
    while (this.#running.size > 0) await Promise.race(this.#running);
  }

  #next(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#running.size < most.atOnce) {
      const [oldest] = this.#waiting;
      if (!oldest) return;
      const restMs = this.#isOver ? 0 : Math.min(this.#lastAt + waits.quietMs, oldest.since + waits.longestMs) - now;
      if (restMs > 0) {
        this.#timer = setTimeout(() => this.#next(), restMs).unref();
        return;
      }
      this.#waiting.shift();
      const running = oldest.sync().then(() => {
        this.#running.delete(running);
        this.#bytes -= oldest.bytes;
        this.#next();
      });
      this.#running.add(running);
    }
  }

  get #isOver(): boolean {
    return this.#isEnding || this.#bytes > most.bytes || this.#files > most.files;
  }

  get #files(): number {
    return this.#waiting.length + this.#running.size;
  }
}
