import type { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { defaultTier, type Medium, type Priority, type TierName, tierNames, type WantedFile } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Companions, CopyInProgress } from './companions.ts';
import type { Promotion } from './promotion.ts';

export interface PlannerDeps {
  copier: Copier;
  companions: Companions;
  /** Null without a RAM tier. */
  promotion: Promotion | null;
}

/**
 * Which copy of which file is worth making, and into which tier. Lookups, warming, prefetching, scrub and the retries after an outage
 * all ask here; `Copier` then makes each copy, from the source or from another copy.
 */
export class CopyPlanner {
  readonly #copier: Copier;
  readonly #companions: Companions;
  readonly #promotion: Promotion | null;

  constructor({ copier, companions, promotion }: PlannerDeps) {
    this.#copier = copier;
    this.#companions = companions;
    this.#promotion = promotion;
  }

  /**
   * Has a file copied with those that loaders open beside it: a compressed one into memory, where that is the better place, and every
   * other one to the SSD. Null when all of it is there.
   */
  request(file: WantedFile, priority: Priority): CopyInProgress | null {
    return this.#promotion?.restore(file, priority) ?? this.#companions.request(file, priority);
  }

  /** Whether there is a RAM tier. */
  get hasRam(): boolean {
    return this.#promotion !== null;
  }

  /** Has the copies of a source, and of the files beside it, copied into the RAM tier. @returns the jobs; none when all of it is there */
  promote(path: string, priority: Priority): CopyInProgress[] {
    return this.#promotion?.promote(path, priority) ?? [];
  }

  /** The copy on its way that a load of this source would be answered with. */
  activeJob(path: string): CopyInProgress | undefined {
    const servable = [defaultTier, ...tierNames.filter((name) => tierTraits[name].servable)];
    return servable.map((tier) => this.#copier.activeJob(path, tier)).find((job) => job !== undefined);
  }

  /** Why a copy of this source is not tried again yet, or undefined. */
  recentFailure(path: string): CacheError | undefined {
    return this.#copier.failures.recent(path);
  }

  /** Bytes that others have still to copy before a copy from this root, or a restore, that somebody waits for can start. */
  bytesAhead(source: { root: string; medium: Medium }, restore: boolean): number {
    return this.#copier.bytesAhead(source, restore);
  }

  /** False while a loader would miss something beside the copy of this source in that tier. */
  isComplete(path: string, tier: TierName): boolean {
    return this.#companions.isComplete(path, tier);
  }

  /** A copy was handed out: those beside it are leased and count as used, and all of them may be worth a place in memory. */
  handedOut(path: string, tier: TierName, lease: (copyPath: string) => void): void {
    this.#companions.handedOut(path, tier, lease);
    this.#promotion?.used(path);
  }
}
