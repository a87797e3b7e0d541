import type { CacheError } from '../core/errors.ts';
import { backOffAfter } from '../jobs/failures.ts';

interface Postponed {
  error: CacheError;
  waitMs: number;
  timer: NodeJS.Timeout;
}

/** Variants that cannot be made at present, by path: each is retried with a growing backoff, like copies. */
export class PostponedVariants implements Disposable {
  readonly #retry: (path: string) => void;
  readonly #all = new Map<string, Postponed>();

  constructor(retry: (path: string) => void) {
    this.#retry = retry;
  }

  /** Why it waits; null when it does not. */
  errorOf(path: string): CacheError | null {
    return this.#all.get(path)?.error ?? null;
  }

  put(path: string, error: CacheError): void {
    const before = this.#all.get(path);
    clearTimeout(before?.timer);
    const waitMs = backOffAfter(before?.waitMs);
    this.#all.set(path, { error, waitMs, timer: setTimeout(() => this.#retry(path), waitMs).unref() });
  }

  /** To be called when the condition that these variants wait for holds: retries them. */
  retry(isMeant: (path: string) => boolean): void {
    for (const path of this.#all.keys()) if (isMeant(path)) this.#retry(path);
  }

  /** Forgets a variant that was made or given up. */
  drop(path: string): void {
    clearTimeout(this.#all.get(path)?.timer);
    this.#all.delete(path);
  }

  [Symbol.dispose](): void {
    for (const path of [...this.#all.keys()]) this.drop(path);
  }
}
