import type { Leaving } from '../api/api.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { TierName } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { boundOf, quotasOf, variantsLimitOf } from './bound.ts';
import { warningOf } from './limit-grace.ts';
import type { SavedSettings } from './live-settings.ts';
import type { ServedSettings } from './served-settings.ts';
import { SinceLastRun } from './since-last-run.ts';
import type { Amount, Config } from './types.ts';

export interface TierBoundsDeps {
  settings: Pick<ServedSettings, 'current' | 'describe' | 'onChange'>;
  /** Keeps the bounds in force over restarts. */
  saved: Pick<SavedSettings, 'get' | 'set'>;
  /** Size and free bytes of the SSD's volume, and the bytes that the tiers under its limit hold. */
  volume(): { size: number; free: number; used: number };
  /** Of the RAM tier; null = there is none. */
  ram: Bound | null;
  log: Log;
}

interface Bound {
  limit: number;
  floor: number;
}

/** Limit and floor of each tier in force, in bytes. */
export class TierBounds {
  readonly #deps: TierBoundsDeps;
  #onSsd: Bound;
  readonly #lastRun: SinceLastRun<'limit' | 'minFree' | 'quotas'>;

  constructor(deps: TierBoundsDeps) {
    this.#deps = deps;
    this.#onSsd = this.#read();
    this.#lastRun = new SinceLastRun({ ...deps, savedKey: 'bounds', fields: ['limit', 'minFree', 'quotas'] });
    deps.settings.onChange(() => this.renew());
  }

  /** To be called when the bytes in the tiers are known better: `auto` follows from them. */
  renew(): void {
    this.#onSsd = this.#read();
    if (!this.isHeld) this.settle();
  }

  of({ name }: { name: TierName }): Bound {
    const { ram, volume } = this.#deps;
    if (tierTraits[name].quota.resource === 'memory' && ram) return ram;
    if (!this.isHeld) return this.#onSsd;
    const { used, free } = volume();
    return { limit: Math.max(this.#onSsd.limit, used), floor: Math.min(this.#onSsd.floor, free) };
  }

  /** True when the settings have changed since the last run: until `settle`, all present copies may stay. */
  get isHeld(): boolean {
    return this.#lastRun.differs;
  }

  /** The bounds of the settings, held or not. */
  get onSsd(): Bound {
    return this.#onSsd;
  }

  /** The cost of the settings changed since the last run. */
  warning(leaving: Leaving, graceMs: number): string {
    return warningOf(this.#lastRun.changed(), leaving, graceMs);
  }

  /** From now on the settings count. */
  settle(): void {
    this.#lastRun.settle();
  }

  /** Most bytes of each category that has a quota; none until `settle`. */
  quotas(): ReadonlyMap<string, number> {
    return this.isHeld ? new Map() : this.quotasOfSettings();
  }

  /** The same, held or not. */
  quotasOfSettings(): ReadonlyMap<string, number> {
    return this.quotasUnder(this.#deps.settings.current);
  }

  /** The same by other settings. */
  quotasUnder({ limit, quotas }: Pick<Config, 'limit' | 'quotas'>): ReadonlyMap<string, number> {
    return quotasOf(quotas, this.under(limit).limit);
  }

  /** Most bytes of variants. */
  variants(): number {
    return variantsLimitOf(this.#deps.settings.current.variantsLimit, this.#onSsd.limit);
  }

  /** Bytes in the SSD tier above which copies leave ahead of need, null = never; and down to which they leave. */
  water(): { high: number | null; low: number } {
    const { highWater, lowWater } = this.#deps.settings.current;
    const { limit } = this.#onSsd;
    return { high: highWater < 1 && !this.isHeld ? highWater * limit : null, low: Math.min(lowWater, highWater) * limit };
  }

  /** The bounds of the SSD tier under another limit. */
  under(limit: Amount): Bound {
    const { settings, volume } = this.#deps;
    return boundOf({ limit, minFree: settings.current.minFree }, volume());
  }

  #read(): Bound {
    const { log, settings } = this.#deps;
    const { limit } = settings.current;
    const bound = this.under(limit);
    if (limit.kind === 'bytes' && limit.bytes > bound.limit) {
      log.warn({ asked: limit.bytes, limit: bound.limit }, 'AUTOCACHE_LIMIT is more than the volume can hold; less is used');
    }
    return bound;
  }
}
