import type { CacheError } from '../core/errors.ts';
import type { NamedSource } from '../core/source-name.ts';
import { defaultTier, type Fingerprint, type Priority, type TierName, type WantedFile } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { FarmHelp } from '../jobs/copy-runner.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Companions, CopyInProgress, GivenBeside } from './companions.ts';
import type { Promotion } from './promotion.ts';

export interface PlannerDeps {
  copier: Copier;
  companions: Companions;
  /** Null without a RAM tier. */
  promotion: Promotion | null;
  tiers: Tiers;
  /** Null or absent without a farm. */
  farm?: Pick<FarmHelp, 'heldByOthers' | 'loading'> | null | undefined;
  /** Null or absent without a store that hosts share copies in. */
  sharedStore?: { withoutSource(source: NamedSource & { path: string }): Fingerprint | null } | null | undefined;
}

/**
 * Decides which file is worth copying, and into which tier. Lookups, warming, prefetching, scrub and the retries after an outage
 * all ask here; `Copier` then makes each copy, from the source or from another copy.
 */
export class CopyPlanner {
  readonly #copier: Copier;
  readonly #companions: Companions;
  readonly #promotion: Promotion | null;
  readonly #tiers: Tiers;
  readonly #farm: PlannerDeps['farm'];
  readonly #sharedStore: PlannerDeps['sharedStore'];

  constructor({ copier, companions, promotion, tiers, farm, sharedStore }: PlannerDeps) {
    this.#copier = copier;
    this.#companions = companions;
    this.#promotion = promotion;
    this.#tiers = tiers;
    this.#farm = farm;
    this.#sharedStore = sharedStore;
  }

  /**
   * Has a file copied with the companions that loaders open. A compressed one goes into memory if that is better, all others to the
   * SSD. Null when nothing is missing.
   */
  request(file: WantedFile, priority: Priority): CopyInProgress | null {
    return this.#promotion?.restore(file, priority) ?? this.#companions.request(file, priority);
  }

  /** Whether there is a RAM tier. */
  get hasRam(): boolean {
    return this.#promotion !== null;
  }

  /** Has a source's copies, and its companions', copied into the RAM tier. @returns the jobs; none when nothing is missing */
  promote(path: string, priority: Priority): CopyInProgress[] {
    return this.#promotion?.promote(path, priority) ?? [];
  }

  /** The copy in progress that would serve a load of this source. */
  activeJob(path: string): CopyInProgress | undefined {
    const others = this.#tiers.servable().map(({ name }) => this.#copier.activeJob(path, name));
    return this.#copier.activeJob(path) ?? others.find((job) => job !== undefined);
  }

  /** Why a copy of this source is not yet retried, or undefined. */
  recentFailure(path: string): CacheError | undefined {
    return this.#copier.failures.recent(path);
  }

  /** The last known fingerprint of a source whose content other hosts or the shared store may give; null when they cannot. */
  withoutSource(source: NamedSource & { path: string }): Fingerprint | null {
    return this.#farm?.heldByOthers(source.path)?.fingerprint ?? this.#sharedStore?.withoutSource(source) ?? null;
  }

  /** Bytes left to copy before a copy from this root, or a restore, with priority `wait` can start. */
  bytesAhead(source: Pick<WantedFile, 'path' | 'root' | 'medium'>, restore: boolean): number {
    return this.#copier.bytesAhead(source, restore);
  }

  /** False while a loader would miss a companion beside this source's copy in that tier. */
  isComplete(path: string, tier: TierName): boolean {
    return this.#companions.isComplete(path, tier);
  }

  /** To be called when a copy was served: leases its companions and counts their use; all may then move into memory. */
  handedOut(path: string, tier: TierName, given: GivenBeside): void {
    this.#companions.handedOut(path, tier, given);
    this.#promotion?.used(path);
    if (tier === defaultTier) this.#farm?.loading(path);
  }
}
