import type { Catalog } from '../catalog/catalog.ts';
import type { Placed } from '../catalog/copy-rows.ts';
import { sharesQuota, tierTraits } from '../core/tier-traits.ts';
import { type Copy, type TierName, tierNames } from '../core/types.ts';
import { OrderedIndex } from '../policy/ordered-index.ts';
import type { Policy } from '../policy/policy.ts';
import { Pauses } from '../runtime/pauses.ts';

/** The names of one placement, in the order of their ids: they leave together or not at all, as one alone frees nothing. */
export interface Unit {
  placement: number;
  names: Placed[];
  /** The highest score of its names; -Infinity when none of them is in service, or another copy serves instead. */
  score: number;
}

/** Selects copies that share the quota of this tier, and of this category, if given. */
interface Which {
  tier: TierName;
  category?: string | undefined;
}

/** Larger than any id of a copy: of equals the compressed one leaves before all plain ones. */
const afterCompressed = 2 ** 52;

/**
 * The copies in the order in which they leave, kept in memory by the ids of their placements and the keys of the policy: 64 bytes for
 * each. The catalog tells which ones have changed, and a row is read only when its turn may have come.
 */
export class EvictionOrder {
  readonly #catalog: Catalog;
  #index: OrderedIndex<number> | null = null;
  /** The placements that leave before all others, with their labels. */
  readonly #spare = new Map<number, string>();
  #building: Promise<void> | null = null;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** To be awaited before `ascending`: reads all copies, in turns with other work, if the policy has not ordered them yet. */
  async prepare({ order }: Policy): Promise<void> {
    while (!this.#index?.isOf(order) || !this.#renew(this.#index)) {
      this.#building ??= this.#build(order).finally(() => (this.#building = null));
      await this.#building;
    }
  }

  /**
   * Lowest score first, of equals the compressed one, then the one with the lowest id. The catalog must not change meanwhile.
   * @param isMeant selects units; others are skipped
   */
  *ascending({ score }: Policy, which: Which, isMeant: (unit: Unit) => boolean = () => true): Generator<Unit> {
    const { tick } = this.#catalog.usage;
    const isOf = (label: string) => label.startsWith(labelOf(which.tier, which.category));
    for (const [placement, label] of this.#spare) {
      const unit = { placement, names: this.#names(placement), score: Number.NEGATIVE_INFINITY };
      if (isOf(label) && isMeant(unit)) yield unit;
    }
    const read = new Map<number, Placed[]>();
    const worth = (placement: number) => {
      const names = this.#names(placement);
      read.set(placement, names);
      const scores = names.map(({ copy, entry }) =>
        isSpare(this.#catalog, copy) ? Number.NEGATIVE_INFINITY : score({ entry, bytes: copy.bytes }, tick),
      );
      return Math.max(...scores);
    };
    for (const { item, score } of this.#index?.ascending(tick, worth, isOf) ?? []) {
      const unit = { placement: item, names: read.get(item) ?? [], score };
      if (isMeant(unit)) yield unit;
    }
  }

  async #build(order: Policy['order']): Promise<void> {
    const index = new OrderedIndex<number>(order);
    this.#catalog.changedPlacements.begin();
    this.#spare.clear();
    this.#index = null;
    const pauses = new Pauses();
    let names: Placed[] = [];
    for (const placed of this.#catalog.copies.byPlacement(tierNames)) {
      if (names[0] && names[0].copy.placement !== placed.copy.placement) {
        this.#enter(index, names);
        names = [];
      }
      names.push(placed);
      if (pauses.isDue) await pauses.take();
    }
    this.#enter(index, names);
    this.#index = index;
  }

  /** Updates the index with changed copies. @returns false when these are unknown */
  #renew(index: OrderedIndex<number>): boolean {
    const changed = this.#catalog.changedPlacements.take();
    for (const placement of changed ?? []) {
      this.#spare.delete(placement);
      index.delete(placement);
      this.#enter(index, this.#names(placement));
    }
    return changed !== null;
  }

  #enter(index: OrderedIndex<number>, names: Placed[]): void {
    const [first] = names;
    if (!first) return;
    const { id, placement, form, tier, bytes } = first.copy;
    const inService = names.find(({ copy }) => !isSpare(this.#catalog, copy));
    // One of several names leaves only with the others, so the category of the first counts for all.
    const label = labelOf(tier, first.entry.category);
    if (!inService) this.#spare.set(placement, label);
    else index.put(placement, { entry: inService.entry, bytes }, form === 'plain' ? id + afterCompressed : id, label);
  }

  #names(placement: number): Placed[] {
    return this.#catalog.copies.named(placement);
  }
}

/** @param category all when left out */
function labelOf(tier: TierName, category?: string | null): string {
  const { resource } = tierTraits[tier].quota;
  return category === undefined ? `${resource}\0` : `${resource}\0${category ?? ''}\0`;
}

/** Stale and interrupted copies, and compressed ones of files that are also plain. */
export function isSpare({ copies }: Catalog, copy: Copy): boolean {
  if (copy.state !== 'ready') return true;
  const isPlainBeside = ({ form, tier }: Copy) => form === 'plain' && sharesQuota(tier, copy.tier);
  return copy.form === 'compressed' && copies.readyOf(copy.entryId).some(isPlainBeside);
}
