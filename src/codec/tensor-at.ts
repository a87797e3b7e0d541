import type { Tensor } from '../weights/safetensors.ts';

/** The tensor that this byte of the file belongs to. @param tensors in the order of their bytes */
export function tensorAt(tensors: readonly Tensor[], at: number): Tensor | undefined {
  let [low, high] = [0, tensors.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tensors[middle]?.end ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  const found = tensors[low];
  return found && found.begin <= at ? found : undefined;
}
