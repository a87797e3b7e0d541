import type { Clock } from '../core/clock.ts';
import { type CacheError, type ErrorCode, isRetryable } from '../core/errors.ts';

/** After a failure the same source is left alone for so long, doubling up to the last, ms. */
const backOffMs = { first: 2000, last: 300_000 };
/** What an outage looks like to a copy: a server that is going away errs on reads, too. */
const outageCodes: ReadonlySet<ErrorCode> = new Set(['SOURCE_AWAY', 'SOURCE_IO']);

/** Copies that failed, by source: what is not tried again yet, and why. */
export class Failures {
  readonly #clock: Clock;
  #bySource = new Map<string, { error: CacheError; root: string; until: number; waitMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  remember({ path, root }: { path: string; root: string }, error: CacheError): void {
    // A source that changed is asked for by its new fingerprint; waiting would only serve it late.
    if (error.code === 'SOURCE_CHANGED') return;
    const doubled = (this.#bySource.get(path)?.waitMs ?? backOffMs.first / 2) * 2;
    const waitMs = isRetryable(error.code) ? Math.min(doubled, backOffMs.last) : backOffMs.last;
    this.#bySource.set(path, { error, root, waitMs, until: this.#clock.monotonic() + waitMs });
  }

  forget(path: string): void {
    this.#bySource.delete(path);
  }

  /** Why a copy of this source is not tried again yet, or undefined. */
  recent(path: string): CacheError | undefined {
    return this.backOffMs(path) > 0 ? this.#bySource.get(path)?.error : undefined;
  }

  /** How long a source is left alone, from now on, ms. */
  backOffMs(path: string): number {
    return Math.max(0, (this.#bySource.get(path)?.until ?? 0) - this.#clock.monotonic());
  }

  /** Sources of a root whose copies failed as they do when it is away. They may be tried again from now on. */
  takeAway(root: string): string[] {
    const away = [...this.#bySource].filter(([, { error, root: of }]) => outageCodes.has(error.code) && of === root);
    for (const [path, failure] of away) this.#bySource.set(path, { ...failure, until: 0 });
    return away.map(([path]) => path);
  }
}
