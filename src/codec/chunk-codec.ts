import type { ChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { crc32 } from './crc32.ts';
import { addDifference, type Difference, takeDifference, typeOf } from './difference.ts';
import { packPairs, placeEscapes, worthNibbles } from './exponent-packing.ts';
import {
  allowsPairs,
  type Chunk,
  type DerivedTransform,
  frameSizes,
  isDerived,
  type Pairs,
  type Run,
  type Transform,
  widthOf,
} from './format.ts';
import { bytesOf, converted, type NumberType, numbersIn } from './number-types.ts';
import { inStep, join, type Pieces } from './segments.ts';
import { compress, type Zstd } from './zstd.ts';
import { inspectFrame } from './zstd-frame.ts';

export interface EncodedChunk {
  chunk: Chunk;
  /** The frames, one after the other; a view of `memory.frames`. */
  bytes: Uint8Array;
  /** Bytes of each frame. */
  frames: number[];
}

/** Encodes the chunk in `memory.raw`. */
export function encodeChunk(memory: ChunkMemory, { size, as }: Run): EncodedChunk {
  const raw = memory.raw.subarray(0, size);
  const run: Run = { size, as: as === 'nibbles' && !worthNibbles(raw) ? 'plain' : as };
  const crc = crc32(raw);
  const pairs = takeApart(memory, run);
  const chunk = { ...run, crc32: crc, ...(pairs && { pairs }) };
  return { chunk, ...framesOf(memory, contentsOf(memory, chunk)) };
}

function framesOf(memory: ChunkMemory, contents: Uint8Array[]): Omit<EncodedChunk, 'chunk'> {
  const frames: number[] = [];
  let at = 0;
  for (const content of contents) {
    const length = compress(content, memory.frames.subarray(at));
    frames.push(length);
    at += length;
  }
  return { bytes: memory.frames.subarray(0, at), frames };
}

/**
 * Encodes the chunk in `memory.raw` as its difference from as many numbers of a base.
 * @param type of those numbers, where it is another one
 * @returns null when numbers of its type have no such form
 */
export function encodeDifference(
  memory: ChunkMemory,
  { size, as }: Run,
  { bytes, type }: { bytes: Uint8Array; type?: NumberType | undefined },
): Omit<EncodedChunk, 'chunk'> | null {
  const difference = differenceOf[as];
  if (!difference) return null;
  const own = typeOf[difference];
  const base = converted(numbersIn(type ?? own, bytes), type ?? own, own);
  const planes = contentsOf(memory, { size, as: difference });
  takeDifference(difference, numbersIn(own, memory.raw.subarray(0, size)), base, planes);
  return framesOf(memory, planes);
}

/** The form of differences between numbers of a type. */
export const differenceOf: Partial<Record<Transform, Difference>> = {
  planes2: 'delta2',
  planes2r: 'delta2r',
  planes4r: 'delta4',
};

/** Bytes of a base that a derived chunk is made of. */
export function bytesOfBase({ size, as, from }: Pick<Chunk, 'size' | 'as' | 'from'>): number {
  return from?.type === undefined ? size : (size / widthOf[as]) * bytesOf[from.type];
}

export interface ChunkSource {
  /** The compressed frames, in the memory of the kernels. */
  frames: Uint8Array[];
  zstd: Zstd;
  /** The bytes of a base that it is made of. */
  base?: Uint8Array | undefined;
  /** Whether the caller compares a hash of the bytes: then their CRC-32 is not computed. */
  hashed?: boolean;
}

/**
 * Decodes a chunk. The result stays in `memory.raw` until the next chunk.
 * @throws CacheError CORRUPT unless the result is exactly the encoded chunk
 */
export async function decodeChunk(memory: ChunkMemory, chunk: Chunk, source: ChunkSource): Promise<Uint8Array> {
  const planes: Pieces[] = [];
  for (const [k, content] of contentsOf(memory, chunk).entries()) {
    const frame = source.frames[k];
    if (!frame) throw corrupt('a chunk lacks a frame');
    const { contentSize, stored } = inspectFrame(frame);
    if (contentSize !== content.length) throw corrupt('a frame is not as long as the metadata says');
    // The check of the chunk's bytes covers stored bytes, so they need none by zstd.
    const inPlace = stored?.map(({ begin, end }) => frame.subarray(begin, end));
    if (inPlace && isPlane(chunk, k) && (!chunk.pairs || inPlace.every(({ length }) => length % 2 === 0))) {
      planes.push(inPlace);
      continue;
    }
    if (inPlace) join(inPlace, content);
    else await source.zstd.decompress(frame, content);
    planes.push([content]);
  }
  if (isDerived(chunk.as)) derive(memory, { ...chunk, as: chunk.as }, source.base);
  else putTogether(memory, chunk, planes);
  const raw = memory.raw.subarray(0, chunk.size);
  if (!source.hashed && crc32(raw) !== chunk.crc32) throw corrupt('a chunk does not match its CRC-32');
  return raw;
}

function derive(memory: ChunkMemory, chunk: Chunk & { as: DerivedTransform }, base: Uint8Array | undefined): void {
  const { size, as, from } = chunk;
  if (base?.length !== bytesOfBase(chunk)) throw corrupt('a chunk and that of its base differ in size');
  if (as === 'same') memory.raw.set(base);
  else {
    const own = typeOf[as];
    const before = converted(numbersIn(from?.type ?? own, base), from?.type ?? own, own);
    addDifference(as, numbersIn(own, memory.raw.subarray(0, size)), before, contentsOf(memory, { size, as }));
  }
}

/** Whether a frame's content is one plane, which is merged at any place. Plain chunks and pairs are not. */
function isPlane({ as, pairs }: Chunk, frame: number): boolean {
  return as !== 'plain' && !isDerived(as) && !(pairs && frame === widthOf[as] - 1);
}

/** The contents of a chunk's frames in memory, both for encoding and for decoding. */
function contentsOf(memory: ChunkMemory, chunk: Pick<Chunk, 'size' | 'as' | 'pairs'>): Uint8Array[] {
  const planes = planesOf(memory, chunk);
  const areas = chunk.pairs ? [...planes.slice(0, -1), memory.packed] : planes;
  return frameSizes(chunk).map((size, k) => (areas[k] ?? memory.raw).subarray(0, size));
}

function planesOf(memory: ChunkMemory, { size, as }: Run): Uint8Array[] {
  const width = widthOf[as];
  return width === 1 ? [memory.raw] : memory.planes[width].map((plane) => plane.subarray(0, size / width));
}

function takeApart(memory: ChunkMemory, run: Run): Pairs | null {
  const { kernels, raw, planes } = memory;
  const [a, b] = planes[2];
  const [c, d, e, f] = planes[4];
  const [from, count] = [raw.byteOffset, run.size / widthOf[run.as]];
  if (run.as === 'nibbles') kernels.splitNibbles(from, a.byteOffset, b.byteOffset, count);
  if (run.as === 'planes2') kernels.split2(from, a.byteOffset, b.byteOffset, count);
  if (run.as === 'planes2r') kernels.split2R(from, a.byteOffset, b.byteOffset, count);
  if (run.as === 'planes4r') kernels.split4R(from, c.byteOffset, d.byteOffset, e.byteOffset, f.byteOffset, count);
  const exponents = planesOf(memory, run).at(-1);
  return exponents && allowsPairs(run) ? packPairs(memory, exponents) : null;
}

function putTogether(memory: ChunkMemory, chunk: Chunk, planes: Pieces[]): void {
  const { kernels, raw, packed } = memory;
  const { pairs, as } = chunk;
  const width = widthOf[as];
  for (const { begin, count, addresses } of inStep(pairs ? planes.slice(0, -1) : planes)) {
    const to = raw.byteOffset + begin * width;
    const [a = 0, b = 0, c = 0, d = 0] = addresses;
    const pairsAt = packed.byteOffset + begin / 2;
    if (as === 'nibbles') kernels.mergeNibbles(to, a, b, count);
    if (as === 'planes2') kernels.merge2(to, a, b, count);
    if (as === 'planes2r' && !pairs) kernels.merge2R(to, a, b, count);
    if (as === 'planes4r' && !pairs) kernels.merge4R(to, a, b, c, d, count);
    if (as === 'planes2r' && pairs) kernels.mergePairs2R(to, a, pairsAt, pairs.base, count);
    if (as === 'planes4r' && pairs) kernels.mergePairs4R(to, a, b, c, pairsAt, pairs.base, count);
  }
  if (pairs) placeEscapes(memory, raw.subarray(0, chunk.size), { width, escapes: pairs.escapes });
}
