import { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type Copy, type Fingerprint, type TierName, tierNames } from '../core/types.ts';
import type { CopyVerdict, Tier } from './tier.ts';

/** The tiers that are switched on; iteration begins with the fastest. */
export class Tiers<T extends Tier = Tier> implements Iterable<T> {
  readonly #byName: ReadonlyMap<TierName, T>;

  /** @param open in any order; at most one of each name */
  constructor(open: readonly T[]) {
    const inOrder = open.toSorted((a, b) => tierNames.indexOf(a.name) - tierNames.indexOf(b.name));
    this.#byName = new Map(inOrder.map((tier) => [tier.name, tier]));
  }

  /** Undefined when the tier is switched off. */
  get(name: TierName): T | undefined {
    return this.#byName.get(name);
  }

  /** @throws CacheError BAD_REQUEST when the tier is switched off */
  require(name: TierName): T {
    const tier = this.get(name);
    if (!tier) throw new CacheError('BAD_REQUEST', `the ${name} tier is switched off`);
    return tier;
  }

  /** All of them, fastest first. */
  all(): T[] {
    return [...this];
  }

  /** The tiers whose files a loader can open, fastest first. */
  servable(): T[] {
    return this.all().filter(({ name }) => tierTraits[name].servable);
  }

  /** The files of all tiers that programs have open. */
  async openFiles(): Promise<Set<string>> {
    const open = await Promise.all(this.all().map((tier) => tier.openFiles()));
    return new Set(open.flatMap((paths) => [...paths]));
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#byName.values();
  }

  /** Whether a copy's file still matches its seal (one stat); null when it has no seal yet, or its tier is switched off. */
  check({ tier, path, seal }: Copy): CopyVerdict | null {
    return (seal && this.get(tier)?.check(path, seal)) ?? null;
  }

  /** True for a copy whose file matches its seal. */
  isSound(copy: Copy): boolean {
    return this.check(copy) === 'ok';
  }

  /** The first of these copies that is sound and has the source's present fingerprint; null when there is none. */
  soundCopy(copies: readonly Copy[], source: Fingerprint): Copy | null {
    return copies.find((copy) => isSameFingerprint(copy.source, source) && this.isSound(copy)) ?? null;
  }
}
