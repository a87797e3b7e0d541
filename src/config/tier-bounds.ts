import type { Leaving } from '../api/api.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { TierName } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { type BoundSettings, boundFields, boundOf, quotasOf, variantsLimitOf } from './bound.ts';
import { warningOf } from './limit-grace.ts';
import type { SavedSettings } from './live-settings.ts';
import type { ServedSettings } from './served-settings.ts';
import { SinceLastRun } from './since-last-run.ts';
import type { Amount } from './types.ts';

export interface TierBoundsDeps {
  settings: Pick<ServedSettings, 'current' | 'describe' | 'onChange'>;
  /** Keeps the bounds in force over restarts. */
  saved: Pick<SavedSettings, 'get' | 'set'>;
  /** Size and free bytes of the SSD's volume, and the bytes that the tiers under its limit hold. */
  volume(): { size: number; free: number; used: number };
  /** Bound of the RAM tier; null = there is none. */
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
  readonly #lastRun: SinceLastRun<(typeof boundFields)[number] | 'minFree'>;

  constructor(deps: TierBoundsDeps) {
    this.#deps = deps;
    this.#onSsd = this.#read();
    this.#lastRun = new SinceLastRun({ ...deps, savedKey: 'bounds', fields: [...boundFields, 'minFree'] });
    deps.settings.onChange(() => this.renew());
  }

  /** To be called when the bytes in the tiers are known better: `auto` depends on them. */
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

  /** The cost of the settings changed since the last run. */
  warning(leaving: Leaving, graceMs: number): string {
    return warningOf(this.#lastRun.changed(), leaving, graceMs);
  }

  /** Puts the settings into force. */
  settle(): void {
    this.#lastRun.settle();
  }

  /** Maximum bytes of each category that has a quota; none until `settle`. */
  quotas(): ReadonlyMap<string, number> {
    return this.isHeld ? new Map() : this.ofSettings().quotas;
  }

  /** Idle time after which copies are evicted, ms; null = never, or not until `settle`. */
  maxAgeMs(): number | null {
    return this.isHeld ? null : this.#deps.settings.current.maxAgeMs;
  }

  /** Maximum bytes of variants. */
  variants(): number {
    return variantsLimitOf(this.#deps.settings.current.variantsLimit, this.#onSsd.limit);
  }

  /** Bytes in the SSD tier above which copies leave ahead of need, null = never; and down to which they leave. */
  water(): { high: number | null; low: number } {
    const { high, low } = waterOf(this.#deps.settings.current, this.#onSsd);
    return { high: this.isHeld ? null : high, low };
  }

  /** Bounds of copies on the SSD by the settings, held or not. */
  ofSettings(): ReturnType<TierBounds['under']> {
    return this.under(this.#deps.settings.current);
  }

  /** The same by other settings. Above high water, copies leave down to low water. */
  under(settings: BoundSettings): { bound: Bound; quotas: ReadonlyMap<string, number>; maxAgeMs: number | null } {
    const bound = this.#boundUnder(settings.limit);
    const { high, low } = waterOf(settings, bound);
    const isAbove = high !== null && this.#deps.volume().used > high;
    return {
      bound: isAbove ? { ...bound, limit: low } : bound,
      quotas: quotasOf(settings.quotas, bound.limit),
      maxAgeMs: settings.maxAgeMs,
    };
  }

  #boundUnder(limit: Amount): Bound {
    const { settings, volume } = this.#deps;
    return boundOf({ limit, minFree: settings.current.minFree }, volume());
  }

  #read(): Bound {
    const { log, settings } = this.#deps;
    const { limit } = settings.current;
    const bound = this.#boundUnder(limit);
    if (limit.kind === 'bytes' && limit.bytes > bound.limit) {
      log.warn({ asked: limit.bytes, limit: bound.limit }, 'AUTOCACHE_LIMIT is more than the volume can hold; less is used');
    }
    return bound;
  }
}

/** The marks of other settings, as `TierBounds.water` tells those in force. */
function waterOf({ highWater, lowWater }: BoundSettings, { limit }: Bound): { high: number | null; low: number } {
  return { high: highWater < 1 ? highWater * limit : null, low: Math.min(lowWater, highWater) * limit };
}
