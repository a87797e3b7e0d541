import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long work may keep the event loop before a lookup would wait for it noticeably, ms. */
const sliceMs = 5;

/** Cuts long work on the daemon's own thread into slices; between two of them everything else has its turn. */
export class Slices {
  readonly #signal: AbortSignal | undefined;
  #endsAt = performance.now() + sliceMs;

  /** @param signal ends the work at the next pause */
  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** To be awaited between two steps; free while the slice lasts. @throws AbortError once the signal is aborted */
  async pause(): Promise<void> {
    if (!this.isOver) return;
    await nextTurn(undefined, this.#signal && { signal: this.#signal });
    this.#endsAt = performance.now() + sliceMs;
  }
}
