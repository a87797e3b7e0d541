import { type CacheError, type ErrorCode, isRetryable } from '../core/errors.ts';
import { defaultTier, type TierName } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Job, jobKey } from './job.ts';

/** After a failure the source is left alone for `first`, doubled after each further one up to `last`, ms. */
const backOffMs = { first: 2000, last: 300_000 };
/** How long something is left alone after a failure, ms. @param before how long it was left alone before it */
export function backOffAfter(before: number | undefined): number {
  return before === undefined ? backOffMs.first : Math.min(2 * before, backOffMs.last);
}

/** An outage as seen by a copy: a server that is going away also fails or refuses reads. */
export const outageCodes: ReadonlySet<ErrorCode> = new Set(['SOURCE_AWAY', 'SOURCE_IO', 'NOT_PERMITTED']);

/** Failed copies, by source and tier: those not yet to be retried, and why. */
export class Failures {
  readonly #clock: Clock;
  #byJob = new Map<string, { error: CacheError; path: string; root: string; until: number; waitMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  remember({ file: { path, root }, tier }: Pick<Job, 'file' | 'tier'>, error: CacheError): void {
    const key = jobKey(path, tier);
    // A changed source is requested by its new fingerprint; waiting would only serve it late.
    if (error.code === 'SOURCE_CHANGED') return;
    const waitMs = isRetryable(error.code) ? backOffAfter(this.#byJob.get(key)?.waitMs) : backOffMs.last;
    this.#byJob.set(key, { error, path, root, waitMs, until: this.#clock.monotonic() + waitMs });
  }

  forget({ file, tier }: Pick<Job, 'file' | 'tier'>): void {
    this.#byJob.delete(jobKey(file.path, tier));
  }

  /** Why a copy of this source to this tier is not yet retried, or undefined. */
  recent(path: string, tier: TierName = defaultTier): CacheError | undefined {
    return this.backOffMs(path, tier) > 0 ? this.#byJob.get(jobKey(path, tier))?.error : undefined;
  }

  /** Why the last copy of this source failed, if it did. */
  last(path: string, tier: TierName = defaultTier): CacheError | undefined {
    return this.#byJob.get(jobKey(path, tier))?.error;
  }

  /** How long a source is left alone, from now on, ms. */
  backOffMs(path: string, tier: TierName = defaultTier): number {
    return Math.max(0, (this.#byJob.get(jobKey(path, tier))?.until ?? 0) - this.#clock.monotonic());
  }

  /** Sources of a root whose copies failed as in an outage. They may be retried from here on. */
  takeAway(root: string): string[] {
    const away = [...this.#byJob].filter(([, { error, root: of }]) => outageCodes.has(error.code) && of === root);
    for (const [key, failure] of away) this.#byJob.set(key, { ...failure, until: 0 });
    return away.map(([, { path }]) => path);
  }
}
