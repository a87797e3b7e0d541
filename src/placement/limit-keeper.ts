import { sharingQuota } from '../core/tier-traits.ts';
import type { Log } from '../runtime/log.ts';
import { leavingUnder, type RoomDeps, trim } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Demoter } from './demoter.ts';

export interface LimitKeeperDeps extends RoomDeps {
  /** The SSD tier. */
  tier: Tier;
  /** What is not accounted for yet might have to stay. */
  accounts: { readonly complete: boolean };
  /** Null when nothing is compressed. */
  demoter: Pick<Demoter, 'consider'> | null;
  log: Log;
}

/** Keeps the SSD tier within limit and floor: at the start, and when one of them has changed. */
export class LimitKeeper {
  readonly #deps: LimitKeeperDeps;

  constructor(deps: LimitKeeperDeps) {
    this.#deps = deps;
  }

  /** Has copies leave until the tier is within its bounds; then what is close to the limit may be compressed. Never rejects. */
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

  /** What would leave under another limit, bytes, of all copies under it. */
  async leavingUnder(limit: number): Promise<{ copies: number; of: number; bytes: number }> {
    const { tier, catalog } = this.#deps;
    const of = sharingQuota(tier.name).reduce((sum, name) => sum + catalog.placements.totals(name).files, 0);
    return { ...(await leavingUnder(this.#deps, tier, limit)), of };
  }
}
