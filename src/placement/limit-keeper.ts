import type { Leaving } from '../api/api.ts';
import { sharingQuota } from '../core/tier-traits.ts';
import type { Log } from '../runtime/log.ts';
import { type Bound, leavingUnder, type RoomDeps, roomIn, trim } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Demoter } from './demoter.ts';
import { type RoomAheadDeps, unusedFor } from './room-ahead.ts';

/** The bounds of copies on the SSD. */
export interface AllBounds {
  bound: Bound;
  /** Maximum bytes of each category that has a quota. */
  quotas: ReadonlyMap<string, number>;
  /** Idle time after which copies are evicted, ms; null = never. */
  maxAgeMs: number | null;
}

export interface LimitKeeperDeps extends RoomDeps, Pick<RoomAheadDeps, 'clock' | 'tiers'> {
  /** The SSD tier. */
  tier: Tier;
  bounds: {
    /** The settings differ from the bounds of the last run; until `settle`, all present copies may stay. */
    readonly isHeld: boolean;
    ofSettings(): AllBounds;
    warning(leaving: Leaving, graceMs: number): string;
    settle(): void;
  };
  /** Nothing leaves before accounting is complete, because an unaccounted copy may have to stay. */
  accounts: { readonly complete: boolean };
  /** Null when compressing is off. */
  demoter: Pick<Demoter, 'consider'> | null;
  log: Log;
  /** Grace period before copies leave for bounds that were narrowed between two runs, ms. */
  graceMs?: number;
}

const usualGraceMs = 60_000;

/** Interval between checks of the tier while copies in use exceed a lowered limit, ms. */
const lookAgainMs = 20_000;

/** Keeps the SSD tier within limit and floor: at the start, and when one of them has changed. */
export class LimitKeeper implements Disposable {
  readonly #deps: LimitKeeperDeps;
  #warning: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(deps: LimitKeeperDeps) {
    this.#deps = deps;
  }

  /** The pending cost of narrower bounds; null = none. */
  get warning(): string | null {
    return this.#warning;
  }

  /**
   * To be called when everything is accounted for. Bounds narrowed while no daemon ran wait a while if copies must leave for them:
   * a typo must not empty the cache. Never rejects.
   */
  async begin(): Promise<void> {
    const { bounds, log, graceMs = usualGraceMs } = this.#deps;
    const leaving = bounds.isHeld ? await this.leavingUnder(bounds.ofSettings()).catch(() => null) : null;
    // The daemon may have been stopped meanwhile, and its catalog closed.
    if (this.#ended) return;
    if (!bounds.isHeld || !leaving?.copies) return this.settle();
    this.#warning = bounds.warning(leaving, graceMs);
    log.warn(this.#warning);
    this.#timer = setTimeout(() => void this.settle(), graceMs).unref();
  }

  /** From now on the settings count. Never rejects. */
  settle(): Promise<void> {
    this.#endGrace();
    this.#deps.bounds.settle();
    return this.keep();
  }

  /** Evicts copies until the tier is within its bounds; near the limit, copies may then be compressed. Never rejects. */
  async keep(): Promise<void> {
    const { tier, accounts, demoter, log } = this.#deps;
    clearTimeout(this.#again);
    if (!accounts.complete || tier.state() !== 'here') return;
    try {
      await trim(this.#deps, tier);
      if (!this.#ended && roomIn(this.#deps, tier) < 0) this.#again = setTimeout(() => this.keep(), lookAgainMs).unref();
    } catch (err) {
      log.error({ err }, 'trimming to the limit failed');
    }
    void demoter?.consider();
  }

  /** The copies that other bounds would evict, of all copies under them. */
  async leavingUnder({ bound, quotas, maxAgeMs }: AllBounds): Promise<Leaving> {
    const { tier, catalog } = this.#deps;
    const names = sharingQuota(tier.name);
    const of = names.reduce((sum, name) => sum + catalog.placements.totals(name).files, 0);
    const unused = (await unusedFor(maxAgeMs, this.#deps)).filter(({ copy }) => names.includes(copy.tier));
    return { ...(await leavingUnder({ ...this.#deps, quotas: () => quotas }, tier, bound, unused)), of };
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#endGrace();
    clearTimeout(this.#again);
  }

  #endGrace(): void {
    clearTimeout(this.#timer);
    this.#warning = null;
  }
}
