/** Compressing must save at least this share of a file's size. */
export const leastSaving = 0.1;

/** The largest compressed form, in bytes, that is worth keeping for a file of `size` bytes. */
export function mostCompressed(size: number): number {
  return Math.floor(size * (1 - leastSaving));
}
