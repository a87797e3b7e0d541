import { pageBytes } from '../runtime/uncached.ts';
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
  /** That area and others like it, for reads ahead. They begin at a page, and have two pages more for reads of whole pages. */
  reads: Uint8Array[];
  /** Memory of the caller, which chunks can be decoded to; begins at a page. */
  room: Uint8Array;
}

export interface ChunkMemoryOptions {
  /** Creates the kernels. */
  make?: (size: number) => KernelMemory;
  /** Number of `reads`. */
  reads?: number;
  /** Bytes of `room`. */
  room?: number;
}

/** @param capacity bytes of the largest chunk */
export function createChunkMemory(
  capacity: number,
  { make = bestKernels, reads = 1, room = 0 }: ChunkMemoryOptions = {},
): ChunkMemory {
  const framesBytes = compressedBound(capacity) + 3 * compressedBound(0);
  const readBytes = pages(framesBytes) + 2 * pageBytes;
  const { bytes, kernels } = make(4 * capacity + (capacity >> 6) + 32 * slack + pages(room) + reads * readBytes);
  let used = 0;
  const area = (size: number, end = size + slack) => {
    const begin = used;
    used += end;
    return bytes.subarray(begin, begin + size);
  };
  const ownRoom = area(room, pages(room));
  const frames = area(readBytes, readBytes);
  const more = Array.from({ length: reads - 1 }, () => area(readBytes, readBytes));
  const [whole, half, quarter] = [capacity, Math.ceil(capacity / 2), Math.ceil(capacity / 4)];
  return {
    kernels,
    room: ownRoom,
    frames,
    reads: [frames, ...more],
    raw: area(whole),
    planes: { 2: [area(half), area(half)], 4: [area(quarter), area(quarter), area(quarter), area(quarter)] },
    packed: area(quarter + Math.ceil((half / elementsPerEscape) * escapeBytes)),
    flags: area(Math.ceil(half / 32)),
  };
}

const pages = (bytes: number): number => Math.ceil(bytes / pageBytes) * pageBytes;

const bestKernels = (size: number): KernelMemory => wasmKernels(size) ?? plainKernels(size);
