import type { Catalog } from '../catalog/catalog.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { Evictor } from '../space/evict.ts';
import { type RoomDeps, trim } from '../space/make-room.ts';
import type { MemoryTier } from '../tiers/in-memory.ts';

export interface RamKeeperDeps extends RoomDeps {
  catalog: Catalog;
  evictor: Evictor;
  tier: MemoryTier;
  log: Log;
}

/** Pause between two checks of the memory, ms: an allocating program needs a few seconds at most to fill the free part. */
const lookEveryMs = 2000;

/** Keeps the RAM tier to its soft limit, and memory from running short before the system swaps; copies on the SSD still serve. */
export class RamKeeper implements AsyncDisposable {
  readonly #deps: RamKeeperDeps;
  readonly #looking: Periodic;
  /** The warning that nothing can leave was given. */
  #told = false;

  constructor(deps: RamKeeperDeps) {
    this.#deps = deps;
    const onError = (err: unknown) => deps.log.error({ err }, 'looking after the memory failed');
    this.#looking = new Periodic(() => this.look(), { everyMs: lookEveryMs, onError });
  }

  /** Checks at once, then periodically, until disposed. */
  start(): void {
    void this.#looking.now();
  }

  async look(): Promise<void> {
    const { tier, bound, catalog, log } = this.#deps;
    await tier.look();
    await this.#dropStale();
    await trim(this.#deps, tier);
    const short = bound(tier).floor - tier.capacity().free;
    const { files, bytes } = catalog.placements.totals(tier.name);
    if (short <= 0 || files === 0) this.#told = false;
    else if (!this.#told) {
      this.#told = true;
      log.warn({ short, files, bytes }, 'memory is short; the copies in the RAM tier stay, as they are leased, open or pinned');
    }
  }

  /** Drops copies of replaced sources: on the SSD they wait for their successors, here they only take memory. */
  async #dropStale(): Promise<void> {
    const { catalog, evictor, tier } = this.#deps;
    const stale = catalog.copies.inState('stale').filter((copy) => copy.tier === tier.name);
    if (stale.length === 0) return;
    const inUse = await tier.openFiles();
    for (const copy of stale) {
      const entry = catalog.entries.byId(copy.entryId);
      if (entry && evictor.obstacle(copy, entry, inUse) === null) await evictor.evict(copy, entry, 'stale');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking[Symbol.asyncDispose]();
  }
}
