/** Work that takes turns: each piece begins when the one before it is over, successful or not. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects as the work does, after its turn. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Resolves when all work so far is over. Never rejects. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
