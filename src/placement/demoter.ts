import type { EventMap } from '../api/event-map.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { mostCompressed } from '../codec/least-saving.ts';
import { type Copy, defaultTier, type Entry, type Medium, type Mode } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { CopyMakerDeps } from '../jobs/copy-maker.ts';
import type { Job } from '../jobs/job.ts';
import { type Fill, isShort, mayBeCompressed, workingRoom } from '../policy/demotion.ts';
import type { Policy } from '../policy/policy.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { dropAfterDemote } from '../space/drop-after-move.ts';
import type { Evictor } from '../space/evict.ts';
import type { EvictionOrder } from '../space/eviction-order.ts';
import { type Bound, release, roomIn } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface DemoterDeps {
  catalog: Catalog;
  evictor: Evictor;
  order: EvictionOrder;
  copier: Pick<Copier, 'request'>;
  tiers: Tiers;
  events: Events;
  log: Log;
  policy(): Policy;
  bound(tier: Tier): Bound;
  mode(): Mode;
  sources: CopyMakerDeps['sources'];
  speeds: {
    /** The source's medium, if restoring its compressed copy is faster than reading it; else null. */
    slowerThanRestore(entry: Entry): Medium | null;
  };
}

/** The tier to compress from, and the tier of the compressed form. */
const [from, to] = [defaultTier, 'cold'] as const;

/** The end of a lease or an open file raises no event; copies in use are checked again this often, ms. */
const lookEveryMs = 5 * 60_000;

/**
 * Compresses the least valuable copies into the cold tier before room is short, one after the other, so that fewer must leave.
 * Copies that are in use or pinned, would shrink by less than a tenth, or have a source faster than a restore are left alone.
 */
export class Demoter implements AsyncDisposable {
  readonly #deps: DemoterDeps;
  #stopped = false;
  readonly #rounds: Periodic;
  #unsubscribe: () => void = () => {};
  /** Whether a copy was evicted for space since `#release` last ran. */
  #pushedOut = false;

  constructor(deps: DemoterDeps) {
    this.#deps = deps;
    const onError = (err: unknown) => deps.log.error({ err }, 'compressing copies failed');
    this.#rounds = new Periodic(() => this.#round(), { everyMs: lookEveryMs, onError });
  }

  /** Checks at once, after every copy, and periodically. */
  start(): void {
    this.#unsubscribe = this.#deps.events.subscribe((name, event) => {
      if (name === 'job-done') void this.consider();
      if (name === 'entry-evicted' && (event as EventMap['entry-evicted']).why === 'space') this.#pushedOut = true;
    });
    void this.consider();
  }

  /** Compresses while room is short. Resolves when that is done, and never rejects. */
  consider(): Promise<void> {
    return this.#rounds.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    // The running round is not awaited: it waits for a copy, and copies end later.
    void this.#rounds[Symbol.asyncDispose]();
  }

  async #round(): Promise<void> {
    await this.#detach();
    await this.#demote();
  }

  /**
   * Restores a copy whose source is gone, so that it stands on no other: nothing else has its bytes. Sources that do not answer
   * are no reason.
   */
  async #detach(): Promise<void> {
    const { catalog, sources, copier, mode } = this.#deps;
    for (const id of catalog.bases.standing()) {
      const copy = catalog.copies.byId(id);
      const entry = copy && catalog.entries.byId(copy.entryId);
      if (this.#stopped || mode() !== 'read-write' || !entry) return;
      const { path, root, rel, category } = entry;
      if ((await sources.stat({ ...entry, medium: 'hdd' }, 'command')).state !== 'missing') continue;
      const file = { path, root, rel, category, fingerprint: copy.source };
      await copier.request({ file, medium: 'hdd', priority: 'background', tier: from }).ended;
    }
  }

  async #demote(): Promise<void> {
    const { catalog, copier, speeds } = this.#deps;
    for (;;) {
      const next = await this.#next();
      const medium = next && speeds.slowerThanRestore(next.entry);
      if (!next || !medium || !isShort(next.copy.bytes, this.#fill())) return;
      const { copy, entry } = next;
      const compressed = catalog.copies.readyOf(entry.id).find(({ form }) => form === 'compressed');
      if (compressed) {
        await dropAfterDemote(this.#deps, compressed);
        continue;
      }
      if (!next.fits) {
        if (!(await this.#release(copy))) return;
        continue;
      }
      const { path, root, rel, category } = entry;
      const file = { path, root, rel, category, fingerprint: copy.source };
      const job = copier.request({ file, medium, priority: 'background', tier: to });
      await job.ended;
      if (!this.#mayGoOn(job, copy)) return;
    }
  }

  /**
   * If copies come faster than others are compressed, the cache ends too full to compress anything, and would stay so: every miss
   * would evict one copy. After such an eviction, one more copy leaves, so that the next ones can be compressed instead.
   * @returns false when nothing was evicted
   */
  async #release(copy: Copy): Promise<boolean> {
    if (!this.#pushedOut) return false;
    const tier = this.#deps.tiers.require(from);
    const deps = { ...this.#deps, outstanding: () => 0 };
    await release(deps, tier, workingRoom(copy.bytes) - roomIn(deps, tier));
    this.#pushedOut = false;
    return true;
  }

  /** After a copy not worth compressing, the next one may be; any other obstacle would stop that too. */
  #mayGoOn(job: Job, copy: Copy): boolean {
    return job.state === 'done' || !this.#deps.catalog.copies.compressible(from).some(({ id }) => id === copy.id);
  }

  #fill(): Fill {
    const { tiers, bound, catalog } = this.#deps;
    const { limit } = bound(tiers.require(from));
    return { limit, used: catalog.placements.usedUnderLimit(from), cold: catalog.placements.usedBytes(to) };
  }

  /** Whether other copies stand on this one. A compressed copy of this very content is no obstacle: it need not be made again. */
  #isBase({ id, root, rel }: Entry): boolean {
    const { catalog, tiers } = this.#deps;
    if (catalog.copies.readyOf(id).some(({ form }) => form === 'compressed')) return false;
    return catalog.bases.dependents(tiers.require(to).placeOf(root, rel).path).length > 0;
  }

  /** The copy with the lowest score that may be compressed; those with room for their compressed form come first. */
  async #next(): Promise<{ copy: Copy; entry: Entry; fits: boolean } | null> {
    const { catalog, evictor, tiers, policy, mode, speeds } = this.#deps;
    if (this.#stopped || mode() !== 'read-write') return null;
    const tier = tiers.require(from);
    catalog.usage.flush();
    const fill = this.#fill();
    const inUse = await tier.openFiles();
    const room = roomIn({ ...this.#deps, outstanding: () => 0 }, tier);
    let lowest: { copy: Copy; entry: Entry; fits: boolean; score: number } | null = null;
    for (const copy of catalog.copies.compressible(from)) {
      const entry = catalog.entries.byId(copy.entryId);
      const mayBe = mayBeCompressed(copy.bytes, mostCompressed(copy.bytes), fill);
      if (!entry || !mayBe || speeds.slowerThanRestore(entry) === null) continue;
      // Other copies stand on the compressed form of the file's former content.
      if (this.#isBase(entry)) continue;
      // Removing one of several names of a file frees nothing.
      if (evictor.frees(copy) === 0 || evictor.obstacle(copy, entry, inUse) !== null) continue;
      const score = policy().score({ entry, bytes: copy.bytes }, catalog.usage.tick);
      const fits = workingRoom(copy.bytes) <= room;
      if (!lowest || (fits && !lowest.fits) || (fits === lowest.fits && score < lowest.score))
        lowest = { copy, entry, fits, score };
    }
    return lowest;
  }
}
