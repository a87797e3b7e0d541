import type { LeavingResults } from '../api/api.ts';
import { resultCostText } from '../core/format.ts';
import type { Log } from '../runtime/log.ts';
import { warningText } from './limit-grace.ts';
import type { SavedSettings } from './live-settings.ts';
import type { ServedSettings } from './served-settings.ts';
import { SinceLastRun } from './since-last-run.ts';

interface Bound {
  items: number;
  limit: number;
}

export interface MemoBoundsDeps {
  settings: Pick<ServedSettings, 'current' | 'describe' | 'onChange'>;
  /** Keeps the limits in force over restarts. */
  saved: Pick<SavedSettings, 'get' | 'set'>;
  /** The limits of the settings. */
  asked(): Bound;
  /** Number and bytes of the stored results. */
  held(): { items: number; bytes: number };
  /** The results that other limits would remove. */
  leavingUnder(bound: Bound): LeavingResults;
  /** Removes results over the limits. */
  trim(): void;
  log: Log;
  /** Grace period of limits that were lowered between two runs, ms. */
  graceMs?: number | undefined;
}

/** The limits of results in force: those of the settings; for a grace period after a lowering between two runs, at least what is stored. */
export class MemoBounds implements Disposable {
  readonly #deps: MemoBoundsDeps;
  readonly #lastRun: SinceLastRun<'memoLimit' | 'memoItems'>;
  #warning: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** Results stored at first: they may stay until the limits of the settings count. */
  #first: { items: number; bytes: number } | null = null;

  constructor(deps: MemoBoundsDeps) {
    this.#deps = deps;
    this.#lastRun = new SinceLastRun({ ...deps, savedKey: 'memo bounds', fields: ['memoLimit', 'memoItems'] });
    // A user who changes them has seen the cost.
    deps.settings.onChange((changed) => {
      if (changed.has('memoLimit') || changed.has('memoItems')) this.#settle();
    });
  }

  /** Cost of the pending limits; null = none. */
  get warning(): string | null {
    return this.#warning;
  }

  get inForce(): Bound {
    const { asked, held } = this.#deps;
    const bound = asked();
    if (!this.#lastRun.differs) return bound;
    this.#first ??= held();
    const { items, bytes } = this.#first;
    return { items: Math.max(bound.items, items), limit: Math.max(bound.limit, bytes) };
  }

  /** To be called when the stored results are known. */
  begin(): void {
    const { asked, leavingUnder, log, graceMs = 60_000 } = this.#deps;
    if (!this.#lastRun.differs) return;
    const leaving = leavingUnder(asked());
    if (leaving.results === 0) {
      this.#settle();
      return;
    }
    this.#warning = warningText(this.#lastRun.changed(), resultCostText(leaving), graceMs);
    log.warn(this.#warning);
    this.#timer = setTimeout(() => this.#settle(), graceMs).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#warning = null;
    this.#lastRun.settle();
    this.#deps.trim();
  }
}
