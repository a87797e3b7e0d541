import type { Root } from '../sources/root.ts';

/** Silence from which a root's answer counts as late, ms. */
const lateMs = 1000;

/** Roots whose last check is not answered yet. */
export class Silences {
  readonly #now: () => number;
  readonly #askedAt = new Map<Root, number>();

  /** @param now monotonic ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Performs a check of a root. */
  async during<T>(root: Root, check: () => Promise<T>): Promise<T> {
    if (!this.#askedAt.has(root)) this.#askedAt.set(root, this.#now());
    try {
      return await check();
    } finally {
      this.#askedAt.delete(root);
    }
  }

  /** Such as `no answer for 3 s`; null when no answer is late. */
  of(root: Root): string | null {
    const silentMs = this.#now() - (this.#askedAt.get(root) ?? Number.POSITIVE_INFINITY);
    return silentMs >= lateMs ? `no answer for ${Math.floor(silentMs / 1000)} s` : null;
  }
}
