import { tierTraits } from '../core/tier-traits.ts';
import type { Medium, ReadSpeed, TierName } from '../core/types.ts';

/** Assumed sequential read speeds until one is measured, bytes per second. */
const assumed: Record<Medium, number> = { hdd: 150e6, nas: 110e6, s3: 100e6, ssd: 2e9 };

/** The same for one small read in a file, ms. */
const assumedSmallReadMs: Record<Medium, number> = { hdd: 9, nas: 1.5, s3: 40, ssd: 0.1 };

/** Weight of a new measurement against the earlier ones. */
const weight = 0.3;

export interface SpeedStore {
  load(): { place: string; speed: ReadSpeed }[];
  save(place: string, speed: ReadSpeed): void;
}

/** The real speed of each root and each tier: learned from copies, probes and verification; kept over restarts. */
export class Speeds {
  #measured: Map<string, ReadSpeed>;
  readonly #store: SpeedStore;

  constructor(store: SpeedStore) {
    this.#store = store;
    this.#measured = new Map(store.load().map(({ place, speed }) => [place, speed]));
  }

  /** @param place a root or the name of a tier  @param readMs time spent reading */
  learn(place: string, bytes: number, readMs: number): void {
    // A small file shows the seek or the page cache rather than the disk.
    if (bytes < 8 * 1024 * 1024 || readMs <= 0) return;
    const before = this.#of(place);
    this.#keep(place, { ...before, sequential: blend(before.sequential, bytes / (readMs / 1000)) });
  }

  /** The assumed value counts as the first measurement: a few reads answered by a cache must not outweigh it. */
  learnSmallReads(root: string, medium: Medium, ms: number): void {
    this.#keep(root, { ...this.#of(root), smallReadMs: blend(this.smallReadMs(root, medium), ms) });
  }

  /** Bytes per second of large reads, one after the other. */
  of(root: string, medium: Medium): number {
    return this.#of(root).sequential ?? assumed[medium];
  }

  /** The same of a root or a tier; null = not measured. */
  readonly measured = (place: string): number | null => this.#of(place).sequential;

  /** The same of a tier. */
  ofTier(tier: TierName): number {
    return this.#of(tier).sequential ?? tierTraits[tier].usualSpeed;
  }

  smallReadMs(root: string, medium: Medium): number {
    return this.#of(root).smallReadMs ?? assumedSmallReadMs[medium];
  }

  /** Seconds that reading `bytes` from `tier` saves over reading them from their source; never negative. */
  secondsSaved(source: { root: string; medium: Medium }, tier: TierName, bytes: number): number {
    return Math.max(0, bytes / this.of(source.root, source.medium) - bytes / this.ofTier(tier));
  }

  #of(place: string): ReadSpeed {
    return this.#measured.get(place) ?? { sequential: null, smallReadMs: null };
  }

  #keep(place: string, speed: ReadSpeed): void {
    this.#measured.set(place, speed);
    this.#store.save(place, speed);
  }
}

function blend(before: number | null, now: number): number {
  return before === null ? now : before + weight * (now - before);
}
