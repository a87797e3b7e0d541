/** Work in flight, by key: concurrent callers with the same key share one run and its outcome. */
export class InFlight<Key, Result> {
  #running = new Map<Key, Promise<Result>>();

  run(key: Key, work: () => Promise<Result>): Promise<Result> {
    const running = this.#running.get(key);
    if (running) return running;
    const begun = work().finally(() => this.#running.delete(key));
    this.#running.set(key, begun);
    return begun;
  }

  get size(): number {
    return this.#running.size;
  }

  /** The work in flight for this key. */
  get(key: Key): Promise<Result> | undefined {
    return this.#running.get(key);
  }

  /** Resolves when all present runs are over. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }
}
