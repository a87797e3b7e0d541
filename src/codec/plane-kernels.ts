/**
 * The inner loops of the codec, over one block of memory. Every argument but `count` and `base` is an address in it. A count is a
 * number of elements. Two implementations give the same bytes: `wasm-kernels.ts` and `plain-kernels.ts`. They may read and write up
 * to `slack` bytes behind the last element of each area.
 *
 * `split` takes elements of 2 or 4 bytes apart into byte planes, lowest byte first; `merge` puts them together. The variants with
 * an R first rotate each element left by one bit (and back after merging). bf16 and fp32 begin with a sign bit; without it the
 * exponent, the only part of a weight that compresses, fills the top byte exactly.
 *
 * `splitNibbles` takes fp8 (e4m3) apart, two elements of one byte at a time. Both mantissas, each with its sign above it, go into a
 * byte of the first plane. Both exponents go into one of the second. The first element takes the low halves.
 *
 * `pack` writes two exponents a byte, the first in the low half, each as its distance from `base`, 0 to 14; 15 means every
 * other exponent. It sets a flag byte for every 32 exponents: 1 when there is a 15 among them (the last flag also covers the bytes
 * behind the last exponent). `mergePairs` merges the lower planes with such pairs; a 15 becomes the exponent base + 15.
 */
export interface PlaneKernels {
  split2(elements: number, plane0: number, plane1: number, count: number): void;
  split2R(elements: number, plane0: number, plane1: number, count: number): void;
  split4R(elements: number, plane0: number, plane1: number, plane2: number, plane3: number, count: number): void;
  splitNibbles(elements: number, plane0: number, plane1: number, count: number): void;
  merge2(elements: number, plane0: number, plane1: number, count: number): void;
  merge2R(elements: number, plane0: number, plane1: number, count: number): void;
  merge4R(elements: number, plane0: number, plane1: number, plane2: number, plane3: number, count: number): void;
  mergeNibbles(elements: number, plane0: number, plane1: number, count: number): void;
  pack(plane: number, packed: number, flags: number, base: number, count: number): void;
  mergePairs2R(elements: number, plane0: number, packed: number, base: number, count: number): void;
  mergePairs4R(
    elements: number,
    plane0: number,
    plane1: number,
    plane2: number,
    packed: number,
    base: number,
    count: number,
  ): void;
}

/** Bytes behind each area that a kernel may touch. */
export const slack = 128;

export interface KernelMemory {
  bytes: Uint8Array<ArrayBuffer>;
  kernels: PlaneKernels;
}
