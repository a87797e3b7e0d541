import type { Catalog } from '../catalog/catalog.ts';
import { mostCompressed } from '../codec/trial.ts';
import type { Events } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Copy, Entry, Medium, TierName } from '../core/types.ts';
import { type Fill, isShort, mayBeCompressed } from '../policy/demotion.ts';
import type { Policy } from '../policy/policy.ts';
import type { Tier } from '../tiers/tier.ts';
import { leaveHot } from './cold.ts';
import type { Copier } from './copier.ts';
import type { Evictor } from './evict.ts';
import type { Job } from './job.ts';
import type { Bound } from './make-room.ts';

export interface DemoterDeps {
  catalog: Catalog;
  evictor: Evictor;
  copier: Pick<Copier, 'request'>;
  tiers: Record<TierName, Tier | undefined>;
  events: Events;
  log: Log;
  policy(): Policy;
  bound(tier: Tier): Bound;
  /** Whether copies may be made now. */
  mayCopy(): boolean;
  /** What the source lies on, if restoring its compressed copy takes less time than reading it; else null. */
  slowSource(entry: Entry): Medium | null;
}

/** Leases end and files are closed without a word; they are looked at again after so long, ms. */
const lookEveryMs = 5 * 60_000;

/**
 * Compresses the least valuable copies into the cold tier before room is short, one after the other, so that less has to leave.
 * What is in use or pinned, what would save less than a tenth, and what its source gives faster is left as it is.
 */
export class Demoter implements AsyncDisposable {
  readonly #deps: DemoterDeps;
  #stopped = false;
  #running: Promise<void> | null = null;
  #unsubscribe: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: DemoterDeps) {
    this.#deps = deps;
  }

  /** Looks now, after every copy, and from time to time. */
  start(): void {
    this.#unsubscribe = this.#deps.events.subscribe((name) => {
      if (name === 'job-done') this.consider();
    });
    this.#timer = setInterval(() => this.consider(), lookEveryMs).unref();
    this.consider();
  }

  /** Begins to compress if there is cause; returns at once. */
  consider(): void {
    if (this.#running || this.#stopped) return;
    const { log } = this.#deps;
    this.#running = this.#demote()
      .catch((err) => log.error({ err }, 'compressing copies failed'))
      .finally(() => {
        this.#running = null;
      });
  }

  /** Resolves when nothing is being compressed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    clearInterval(this.#timer);
  }

  async #demote(): Promise<void> {
    const { catalog, copier, slowSource } = this.#deps;
    for (;;) {
      const next = await this.#next();
      const medium = next && slowSource(next.entry);
      if (!next || !medium || !isShort(next.copy.bytes, this.#fill())) return;
      const { copy, entry } = next;
      if (catalog.copies.readyOf(entry.id).some(({ tier }) => tier === 'cold')) {
        await leaveHot(this.#deps, entry.id);
        if (this.#stopped) return;
        continue;
      }
      const { path, root, rel, category } = entry;
      const file = { path, root, rel, category, fingerprint: copy.source };
      const job = copier.request({ file, medium, priority: 'background', tier: 'cold' });
      await job.ended;
      if (!this.#mayGoOn(job, copy)) return;
    }
  }

  /** What is not worth compressing is passed over; whatever else was in the way is still there for the next. */
  #mayGoOn(job: Job, copy: Copy): boolean {
    // The catalog may be closed by now.
    if (this.#stopped) return false;
    return job.state === 'done' || !this.#deps.catalog.copies.compressible().some(({ id }) => id === copy.id);
  }

  #fill(): Fill {
    const { tiers, bound, catalog } = this.#deps;
    const limit = tiers.ssd ? bound(tiers.ssd).limit : 0;
    return { limit, used: catalog.copies.usedUnderLimit('ssd'), cold: catalog.copies.usedBytes('cold') };
  }

  /** The copy with the lowest score that may be compressed. */
  async #next(): Promise<{ copy: Copy; entry: Entry } | null> {
    const { catalog, evictor, tiers, policy, mayCopy, slowSource } = this.#deps;
    if (!tiers.ssd || this.#stopped || !mayCopy()) return null;
    catalog.usage.flush();
    const fill = this.#fill();
    const inUse = await evictor.openFiles(tiers.ssd);
    if (this.#stopped) return null;
    let lowest: { copy: Copy; entry: Entry; score: number } | null = null;
    for (const copy of catalog.copies.compressible()) {
      const entry = catalog.entries.byId(copy.entryId);
      const fits = mayBeCompressed(copy.bytes, mostCompressed(copy.bytes), fill);
      if (!entry || !fits || slowSource(entry) === null) continue;
      // One name of a file that has several frees nothing.
      if (evictor.frees(copy) === 0 || evictor.obstacle(copy, entry, inUse) !== null) continue;
      const score = policy().score({ entry, bytes: copy.bytes }, catalog.usage.tick);
      if (!lowest || score < lowest.score) lowest = { copy, entry, score };
    }
    return lowest;
  }
}
