import type { Placed } from '../catalog/copy-rows.ts';
import type { Copy, Mode } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Pauses } from '../runtime/pauses.ts';
import { Periodic } from '../runtime/periodic.ts';
import { type RoomDeps, release } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface RoomAheadDeps extends RoomDeps {
  /** The SSD tier. */
  tier: Tier;
  tiers: Tiers;
  clock: Clock;
  events: Events;
  log: Log;
  mode(): Mode;
  /** Nothing leaves before accounting is complete, because an unaccounted copy may have to stay. */
  accounts: { readonly complete: boolean };
  water(): {
    /** Bytes in the SSD tier above which copies leave, down to the second; `high` is null when they never do. */
    high: number | null;
    low: number;
  };
  /** Idle time after which copies are evicted, ms; null = never. */
  maxAgeMs(): number | null;
}

/** Interval between checks, ms, because copies also grow old without events. */
const lookEveryMs = 10 * 60_000;

/** Evicts copies ahead of need, so that no copy waits for it: those idle for too long, and above high water the least valuable ones. */
export class RoomAhead implements AsyncDisposable {
  readonly #deps: RoomAheadDeps;
  readonly #rounds: Periodic;
  #unsubscribe: () => void = () => {};

  constructor(deps: RoomAheadDeps) {
    this.#deps = deps;
    const onError = (err: unknown) => deps.log.error({ err }, 'making room ahead failed');
    this.#rounds = new Periodic(() => this.#look(), { everyMs: lookEveryMs, onError });
  }

  /** Checks at once, after every copy, and periodically. */
  start(): void {
    this.#unsubscribe = this.#deps.events.subscribe((name) => {
      if (name === 'job-done' || name === 'accounting') void this.look();
    });
    void this.look();
  }

  /** Evicts due copies; resolves when that is done, and never rejects. */
  look(): Promise<void> {
    return this.#rounds.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.#rounds[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { accounts, tier, mode } = this.#deps;
    if (!accounts.complete || tier.state() !== 'here' || mode() !== 'read-write') return;
    await this.#dropUnused();
    const { catalog, water } = this.#deps;
    const { high, low } = water();
    const used = catalog.placements.usedUnderLimit(tier.name);
    if (high !== null && used > high) await release(this.#deps, tier, used - low);
  }

  async #dropUnused(): Promise<void> {
    const { evictor, maxAgeMs } = this.#deps;
    for (const { copy, entry } of await unusedFor(maxAgeMs(), this.#deps)) await evictor.evict(copy, entry, 'unused');
  }
}

/** The evictable copies that no program has used for this time, ms; null = none. */
export async function unusedFor(
  ageMs: number | null,
  { catalog, clock, evictor, tiers }: Pick<RoomAheadDeps, 'catalog' | 'clock' | 'evictor' | 'tiers'>,
): Promise<Placed[]> {
  if (ageMs === null) return [];
  catalog.usage.flush();
  const since = clock.now() - ageMs;
  // A copy that was never used is as old as itself.
  const isOld = ({ state, createdAt }: Copy) => state === 'ready' && createdAt !== null && createdAt < since;
  const unused: Placed[] = [];
  const pauses = new Pauses();
  for (const placed of catalog.copies.placed({ usedBefore: since })) {
    if (isOld(placed.copy)) unused.push(placed);
    if (pauses.isDue) await pauses.take();
  }
  if (unused.length === 0) return [];
  const inUse = await tiers.openFiles();
  return unused.filter(({ copy, entry }) => !evictor.mayBeOpenedAgain(copy) && evictor.obstacle(copy, entry, inUse) === null);
}
