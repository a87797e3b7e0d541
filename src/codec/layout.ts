import { CacheError } from '../core/errors.ts';
import { ggufHeaderSize, isGguf, parseGguf } from '../weights/gguf.ts';
import { parseSafetensors, type SafetensorsHeader, safetensorsJsonSize, type Tensor } from '../weights/safetensors.ts';
import { readAt } from './file-io.ts';
import { chunkBytes, type Run, type Transform, widthOf } from './format.ts';

export interface Layout {
  kind: 'safetensors' | 'gguf' | 'other';
  /** Why a damaged header was not used. */
  fault: string | null;
  /** The whole file, in order. */
  chunks: Run[];
}

/** The types whose exponents are worth separating. Other types are stored unchanged: they are already quantised, or rare. */
export const transformOf: Record<string, Transform> = { F8_E4M3: 'nibbles', F16: 'planes2', BF16: 'planes2r', F32: 'planes4r' };

/** A tensor of at most this many bytes may share a chunk of another type: frames of its own would cost more. */
const tiny = 4096;
/** Parts of a large tensor are multiples of this. */
const alignment = 64;

/** How to cut a file. A damaged header makes the file one of unknown kind; its contents can do no harm. */
export function readLayout(fd: number, size: number): Layout {
  const unknown: Layout = { kind: 'other', fault: null, chunks: cut([{ size, as: 'plain' }]) };
  const start = readStart(fd, Math.min(size, ggufHeaderSize));
  try {
    if (isGguf(start)) {
      parseGguf(start, size);
      return { ...unknown, kind: 'gguf' };
    }
    const header = readHeader(fd, start, size);
    if (!header) return unknown;
    const runs = header.tensors.map(runOf);
    return { kind: 'safetensors', fault: null, chunks: cut([{ size: header.dataBegin, as: 'plain' }, ...runs]) };
  } catch (error) {
    if (error instanceof CacheError) return { ...unknown, fault: error.message };
    throw error;
  }
}

/** The tensors of a safetensors file, in the order of their bytes; none of a file of another kind. */
export function readTensors(fd: number, size: number): readonly Tensor[] {
  try {
    return readHeader(fd, readStart(fd, Math.min(size, ggufHeaderSize)), size)?.tensors ?? [];
  } catch (error) {
    if (error instanceof CacheError) return [];
    throw error;
  }
}

/** Null where it is no safetensors file. @throws CacheError CORRUPT */
function readHeader(fd: number, start: Uint8Array, size: number): SafetensorsHeader | null {
  const jsonSize = safetensorsJsonSize(start, size);
  return jsonSize === null ? null : parseSafetensors(readStart(fd, 8 + jsonSize), size);
}

function readStart(fd: number, size: number): Uint8Array {
  const start = new Uint8Array(size);
  return start.subarray(0, readAt(fd, start, 0));
}

function runOf({ dtype, begin, end }: Tensor): Run {
  const [size, as] = [end - begin, transformOf[dtype] ?? 'plain'];
  // fp8 elements share bytes in twos, so an odd number of them stays plain.
  return { size, as: size % widthOf[as] === 0 ? as : 'plain' };
}

/** Cuts runs larger than a chunk, and gathers neighbours that fit into one. */
export function cut(runs: readonly Run[]): Run[] {
  const chunks: Run[] = [];
  let open: Run | null = null;
  for (const run of runs) {
    if (run.size === 0) continue;
    if (run.size > chunkBytes) {
      chunks.push(...evenParts(run));
      open = null;
    } else if (open && canShare(open, run)) {
      open.size += run.size;
    } else {
      open = { ...run };
      chunks.push(open);
    }
  }
  return chunks;
}

function canShare(open: Run, run: Run): boolean {
  if (open.size + run.size > chunkBytes) return false;
  return open.as === run.as || (run.size <= tiny && run.size % widthOf[open.as] === 0);
}

function evenParts({ size, as }: Run): Run[] {
  const parts = Math.ceil(size / chunkBytes);
  const part = Math.ceil(size / parts / alignment) * alignment;
  const whole = Array.from({ length: Math.floor(size / part) }, () => ({ size: part, as }));
  return size % part === 0 ? whole : [...whole, { size: size % part, as }];
}
