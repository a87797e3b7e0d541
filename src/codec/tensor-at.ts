import type { Tensor } from '../weights/safetensors.ts';

/** The tensor that this byte of the file belongs to. @param tensors in the order of their bytes */
export function tensorAt(tensors: readonly Tensor[], at: number): Tensor | undefined {
  return tensors[rangeAt(tensors, at)];
}

/** The index of the range of bytes with this one; -1 where there is none. @param ranges in order, none in another */
export function rangeAt(ranges: readonly { begin: number; end: number }[], at: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.end ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return (ranges[low]?.begin ?? Number.POSITIVE_INFINITY) <= at ? low : -1;
}
