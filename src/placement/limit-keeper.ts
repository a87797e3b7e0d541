import { sharingQuota } from '../core/tier-traits.ts';
import type { Log } from '../runtime/log.ts';
import { leavingUnder, type RoomDeps, trim } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Demoter } from './demoter.ts';

export interface LimitKeeperDeps extends RoomDeps {
  /** The SSD tier. */
  tier: Tier;
  /** Nothing leaves before all copies are accounted for: some might have to stay. */
  accounts: { readonly complete: boolean };
  /** Null when compressing is off. */
  demoter: Pick<Demoter, 'consider'> | null;
  log: Log;
}

/** Keeps the SSD tier within limit and floor: at the start, and after a change of either. */
export class LimitKeeper {
  readonly #deps: LimitKeeperDeps;

  constructor(deps: LimitKeeperDeps) {
    this.#deps = deps;
  }

  /** Evicts copies until the tier is within its bounds; then copies may be compressed. Never rejects. */
  async keep(): Promise<void> {
    const { tier, accounts, demoter, log } = this.#deps;
    if (!accounts.complete) return;
    try {
      await trim(this.#deps, tier);
    } catch (err) {
      log.error({ err }, 'trimming to the limit failed');
    }
    void demoter?.consider();
  }

  /** Copies and bytes that would leave under another limit, and the number of all copies under it. */
  async leavingUnder(limit: number): Promise<{ copies: number; of: number; bytes: number }> {
    const { tier, catalog } = this.#deps;
    const of = sharingQuota(tier.name).reduce((sum, name) => sum + catalog.placements.totals(name).files, 0);
    return { ...(await leavingUnder(this.#deps, tier, limit)), of };
  }
}
