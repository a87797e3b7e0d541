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

/** Pause between two looks at the memory, ms: a program that allocates fills what is kept free in a few seconds at most. */
const lookEveryMs = 2000;

/** Has copies leave the RAM tier when memory runs short, before the system swaps; their copies on the SSD serve on. */
export class RamKeeper implements AsyncDisposable {
  readonly #deps: RamKeeperDeps;
  readonly #looking: Periodic;
  /** It was said already that nothing can leave. */
  #told = false;

  constructor(deps: RamKeeperDeps) {
    this.#deps = deps;
    const onError = (err: unknown) => deps.log.error({ err }, 'looking after the memory failed');
    this.#looking = new Periodic(() => this.look(), { everyMs: lookEveryMs, onError });
  }

  /** Looks now and again until it is disposed. */
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
      log.warn({ short, files, bytes }, 'memory is short, and what is in the RAM tier is leased, open or pinned: it stays');
    }
  }

  /** Of a replaced source: on the SSD such a copy waits for its successor, here it only takes memory. */
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
