import { elementsPerEscape, escapeBytes } from './format.ts';
import { plainKernels } from './plain-kernels.ts';
import { type KernelMemory, type PlaneKernels, slack } from './plane-kernels.ts';
import { wasmKernels } from './wasm-kernels.ts';
import { compressedBound } from './zstd.ts';

/**
 * One chunk in memory in all its forms. Everything is in one block: the vector kernels reach it, and files are read and written
 * without copies between. An area's `byteOffset` is its address for the kernels.
 */
export interface ChunkMemory {
  kernels: PlaneKernels;
  /** The original bytes. */
  raw: Uint8Array;
  /** Byte planes by element width, lowest first. */
  planes: { 2: [Uint8Array, Uint8Array]; 4: [Uint8Array, Uint8Array, Uint8Array, Uint8Array] };
  /** The uppermost plane as pairs, followed by the list of escapes. */
  packed: Uint8Array;
  /** One for every 32 elements, used while packing. */
  flags: Uint8Array;
  /** The compressed frames, with room for those of any chunk. */
  frames: Uint8Array;
}

/** @param capacity bytes of the largest chunk  @param make creates the kernels */
export function createChunkMemory(capacity: number, make: (size: number) => KernelMemory = bestKernels): ChunkMemory {
  const { bytes, kernels } = make(5 * capacity + (capacity >> 8) + 32 * slack);
  let used = 0;
  const area = (size: number) => {
    const begin = used;
    used += size + slack;
    return bytes.subarray(begin, begin + size);
  };
  const [whole, half, quarter] = [capacity, Math.ceil(capacity / 2), Math.ceil(capacity / 4)];
  return {
    kernels,
    raw: area(whole),
    planes: { 2: [area(half), area(half)], 4: [area(quarter), area(quarter), area(quarter), area(quarter)] },
    packed: area(quarter + Math.ceil((half / elementsPerEscape) * escapeBytes)),
    flags: area(Math.ceil(half / 32)),
    frames: area(compressedBound(capacity) + 3 * compressedBound(0)),
  };
}

const bestKernels = (size: number): KernelMemory => wasmKernels(size) ?? plainKernels(size);
