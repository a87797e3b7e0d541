import { tierTraits } from '../core/tier-traits.ts';
import type { TierName } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { boundOf } from './bound.ts';
import type { ServedSettings } from './served-settings.ts';
import type { Amount } from './types.ts';

export interface TierBoundsDeps {
  settings: Pick<ServedSettings, 'current' | 'onChange'>;
  minFree: Amount;
  /** Size and free bytes of the SSD's volume, and the bytes that the tiers under its limit hold. */
  volume(): { size: number; free: number; used: number };
  /** Of the RAM tier; null = there is none. */
  ram: { limit: number; floor: number } | null;
  log: Log;
}

/** Limit and floor of each tier in bytes, as they are in force. */
export class TierBounds {
  readonly #deps: TierBoundsDeps;
  #onSsd: { limit: number; floor: number };

  constructor(deps: TierBoundsDeps) {
    this.#deps = deps;
    this.#onSsd = this.#read();
    deps.settings.onChange(() => this.renew());
  }

  /** How much `auto` may take follows from what the tier holds: to be called when that is known better. */
  renew(): void {
    this.#onSsd = this.#read();
  }

  of({ name }: { name: TierName }): { limit: number; floor: number } {
    return (tierTraits[name].quota.resource === 'memory' && this.#deps.ram) || this.#onSsd;
  }

  /** What the SSD tier's limit would be, bytes. */
  limitUnder(limit: Amount): number {
    const { minFree, volume } = this.#deps;
    return boundOf({ limit, minFree }, volume()).limit;
  }

  #read(): { limit: number; floor: number } {
    const { settings, minFree, volume, log } = this.#deps;
    const { limit } = settings.current;
    const bound = boundOf({ limit, minFree }, volume());
    if (limit.kind === 'bytes' && limit.bytes > bound.limit) {
      log.warn({ asked: limit.bytes, limit: bound.limit }, 'AUTOCACHE_LIMIT is more than the volume can hold; less is used');
    }
    return bound;
  }
}
