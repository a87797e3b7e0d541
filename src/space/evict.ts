import type { Catalog } from '../catalog/catalog.ts';
import { isWrittenTo } from '../catalog/written.ts';
import { sentenceOf } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { isFull } from '../sqlite/reserve.ts';
import { giveAway, isRewritten } from '../tiers/foreign.ts';
import { dropPartial, partialPath } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface EvictDeps {
  catalog: Catalog;
  tiers: Tiers;
  events: Events;
  log: Log;
  leases: { isLeased(copyPath: string): boolean };
  accounts: {
    /** True while a copy is still to be compared with its proof. */
    isUnproven(copyPath: string): boolean;
  };
  handedOut: {
    /** The source behind a path that a living program was given, or null. */
    sourceOf(copyPath: string): string | null;
  };
  /** Null or absent without a farm. */
  farm?: { spares(copyPath: string): boolean } | null | undefined;
  active: {
    /** True while a job copies this source: its place is about to be written. */
    isBusy(sourcePath: string): boolean;
  };
}

/** Reasons to leave while another tier has the file. */
const moves: readonly string[] = ['compressed', 'restored', 'not needed'];

const isBase = 'other compressed copies are stored as differences from it';

/** `freed`: bytes freed; none while another copy shares them. */
export type Eviction = { removed: true; freed: number } | { removed: false; why: string };

/**
 * Takes copies out of their tiers. The row is marked first, so that the copy is no longer served; then the file goes, then the row.
 * Leased, pinned or open copies are left alone; a copy that cannot be removed stays in service.
 */
export class Evictor {
  readonly #deps: EvictDeps;

  constructor(deps: EvictDeps) {
    this.#deps = deps;
  }

  /**
   * Why this copy may not leave at present, or null. `inUse` comes from `Tier.openFiles`, once for many copies.
   * @param leaving ids of copies that leave before it
   */
  obstacle(copy: Copy, entry: Entry, inUse: ReadonlySet<string>, leaving: ReadonlySet<number> = new Set()): string | null {
    if (entry.pinned && copy.state === 'ready' && !this.#isSpare(copy)) return 'pinned';
    if (this.#deps.active.isBusy(entry.path)) return 'being copied';
    if (this.#isBase(copy, leaving)) return isBase;
    return this.use(copy, inUse);
  }

  /** The same for a stale copy that makes room for its own successor. */
  obstacleForSuccessor(copy: Copy, inUse: ReadonlySet<string>): string | null {
    if (this.#isBase(copy)) return isBase;
    return copy.state === 'stale' ? this.use(copy, inUse) : 'in service';
  }

  /** Bytes freed when this copy leaves. */
  frees(copy: Copy): number {
    return this.#deps.catalog.duplicates.isLinked(copy) ? 0 : copy.bytes;
  }

  /**
   * Removes one copy that has no obstacle.
   * @param why for the log: `space`, `memory`, `purge`, `evict`, `damaged`, `stale`, or of `moves`
   */
  async evict(copy: Copy, entry: Entry, why: string): Promise<Eviction> {
    const { catalog, tiers, events, log } = this.#deps;
    const tier = tiers.get(copy.tier);
    if (!tier) return { removed: false, why: `the ${copy.tier} tier is switched off` };
    if (tier.state() === 'away') return { removed: false, why: 'the cache disk is away' };
    if (!catalog.isWritable()) await catalog.writable();
    if (copy.state === 'copying') return this.#dropInterrupted(copy, entry, { tier, why });
    const isWritten = await this.isWritten(copy, tier);
    // Both may have changed while other victims left.
    if (this.#deps.leases.isLeased(copy.path)) return { removed: false, why: 'leased' };
    if (catalog.copies.byPath(copy.path)?.id !== copy.id) return { removed: false, why: 'already gone' };
    if (this.#isBase(copy)) return { removed: false, why: isBase };
    if (isWritten) {
      catalog.written.disown(copy);
      giveAway(tier, copy.path);
      return { removed: false, why: 'a program wrote to it' };
    }
    const isMarked = this.#mark(copy);
    let leaving: string;
    try {
      leaving = tier.takeOut(copy.path);
    } catch (err) {
      if (isMarked) await catalog.write(() => catalog.copies.setState(copy.id, copy.state));
      log.warn({ path: copy.path, err }, 'copy could not be removed; skipped');
      return { removed: false, why: sentenceOf(err) };
    }
    const freed = this.frees(copy);
    if (isMarked) await catalog.write(() => catalog.copies.forget(copy.id));
    await tier.free(leaving).catch((err) => log.warn({ path: leaving, err }, 'space is not free before the next start'));
    if (!isMarked) await catalog.write(() => catalog.copies.forget(copy.id));
    if (!moves.includes(why)) {
      catalog.usage.add({ evictions: 1, evictedBytes: freed });
      catalog.usage.tiers.add(copy.tier, entry.path, { evictions: 1 });
    }
    events.emit('entry-evicted', { entry: entry.id, path: entry.path, bytes: copy.bytes, why });
    log.info({ path: entry.path, bytes: copy.bytes, freed, why }, 'evicted');
    return { removed: true, freed };
  }

  /** Whether its file is a program's by now: a note that it wrote to, or a model that it saved in the place of the one it was given. */
  async isWritten(copy: Copy, tier: Tier): Promise<boolean> {
    const verdict = copy.seal && tier.check(copy.path, copy.seal);
    return isWrittenTo(
      copy,
      verdict,
      verdict === 'changed' && this.mayBeOpenedAgain(copy) && (await isRewritten(tier, copy.path)),
    );
  }

  /** Marks a copy as leaving. @returns false when the disk is too full to write that down: its space must come free all the same */
  #mark(copy: Copy): boolean {
    try {
      this.#deps.catalog.copies.setState(copy.id, 'evicting');
      return true;
    } catch (error) {
      if (!isFull(error)) throw error;
      return false;
    }
  }

  /** Drops an interrupted copy that no job resumes. */
  #dropInterrupted(copy: Copy, entry: Entry, { tier, why }: { tier: Tier; why: string }): Eviction {
    const { catalog, active, log } = this.#deps;
    if (active.isBusy(entry.path)) return { removed: false, why: 'being copied' };
    // A job may have resumed and finished it meanwhile.
    if (!catalog.copies.isCopying(copy.id)) return { removed: false, why: 'copied meanwhile' };
    if (!dropPartial(partialPath(tier.partialDir, entry.path))) return { removed: false, why: 'open in a program' };
    catalog.copies.forget(copy.id);
    log.info({ path: entry.path, bytes: copy.bytes, why }, 'interrupted copy removed');
    return { removed: true, freed: copy.bytes };
  }

  /** It is in memory and also in a lasting tier, so removing it does not remove a pinned file. */
  #isSpare({ tier, entryId, source }: Copy): boolean {
    const lasting = () => this.#deps.catalog.copies.readyOf(entryId).filter((copy) => !tierTraits[copy.tier].volatile);
    return tierTraits[tier].volatile && lasting().some((copy) => isSameFingerprint(copy.source, source));
  }

  /** Whether others are made of it. */
  #isBase({ path }: Copy, leaving: ReadonlySet<number> = new Set()): boolean {
    return this.#deps.catalog.bases.dependents(path).some((id) => !leaving.has(id));
  }

  /** Whether another file with the same bytes may replace its own at present. */
  mayBeReplaced(copy: Copy, inUse: ReadonlySet<string>): boolean {
    const entry = this.#deps.catalog.entries.byId(copy.entryId);
    return entry !== undefined && !this.#deps.active.isBusy(entry.path) && this.use(copy, inUse) === null;
  }

  /** Whether a running program was given its path. Such a copy leaves after all others; a link to the source takes its place. */
  mayBeOpenedAgain({ path }: Copy): boolean {
    return this.#deps.handedOut.sourceOf(path) !== null;
  }

  /** Whether the farm keeps this copy while others can leave. */
  isKeptByFarm({ path }: Copy): boolean {
    return this.#deps.farm?.spares(path) ?? false;
  }

  /** Whether its file is open or about to be opened, or null. */
  use(copy: Copy, inUse: ReadonlySet<string>): string | null {
    if (this.#deps.leases.isLeased(copy.path)) return 'leased';
    if (this.#deps.accounts.isUnproven(copy.path)) return 'still to be compared with its hashes';
    if (inUse.has(copy.path)) return 'open in a program';
    const leavesLink = this.#deps.tiers.get(copy.tier)?.leavesLinks() ?? true;
    return !leavesLink && this.mayBeOpenedAgain(copy) ? 'a running program may open it again' : null;
  }
}
