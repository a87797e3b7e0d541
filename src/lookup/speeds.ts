import type { Medium, TierName } from '../core/types.ts';

/** Sequential read speeds to reckon with until one is measured, bytes per second. */
const assumed: Record<Medium | TierName, number> = {
  hdd: 150e6,
  nas: 110e6,
  s3: 100e6,
  ssd: 2e9,
  cold: 1e9,
  ram: 8e9,
};

/** Weight of a new measurement against those before. */
const weight = 0.3;

/** How fast each root really is, learned from the copies that were made from it. */
export class Speeds {
  #measured = new Map<string, number>();

  /** @param readMs time spent in reading alone */
  learn(root: string, bytes: number, readMs: number): void {
    // A small file says more about the seek or the page cache than about the disk.
    if (bytes < 8 * 1024 * 1024 || readMs <= 0) return;
    const speed = bytes / (readMs / 1000);
    const before = this.#measured.get(root);
    this.#measured.set(root, before === undefined ? speed : before + weight * (speed - before));
  }

  /** Bytes per second. */
  of(root: string, medium: Medium): number {
    return this.#measured.get(root) ?? assumed[medium];
  }

  /** Seconds that reading `bytes` from `tier` saves over reading them from their source; never negative. */
  secondsSaved(source: { root: string; medium: Medium }, tier: TierName, bytes: number): number {
    return Math.max(0, bytes / this.of(source.root, source.medium) - bytes / assumed[tier]);
  }
}
