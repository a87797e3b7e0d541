import zlib from 'node:zlib';
import type { ChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { allowsPairs, type Chunk, frameSizes, type Pairs, type Run, widthOf } from './format.ts';
import { packPairs, unpackPairs } from './pairs.ts';
import { compress, compressedBound, type Zstd } from './zstd.ts';
import { inspectFrame } from './zstd-frame.ts';

/** Room for the frames of any chunk of so many bytes. */
export const encodedBound = (size: number): number => 2 * compressedBound(size);

export interface EncodedChunk {
  chunk: Chunk;
  /** The frames, one after the other; a view of the output that was given. */
  bytes: Uint8Array;
  /** How many bytes each frame takes. */
  frames: number[];
}

/** Encodes the chunk that lies in `memory.raw`. @param output `encodedBound` bytes or more */
export function encodeChunk(memory: ChunkMemory, run: Run, output: Uint8Array): EncodedChunk {
  const crc32 = zlib.crc32(memory.raw.subarray(0, run.size));
  const pairs = takeApart(memory, run);
  const chunk = { ...run, crc32, ...(pairs && { pairs }) };
  const frames: number[] = [];
  let at = 0;
  for (const content of contentsOf(memory, chunk)) {
    const length = compress(content, output.subarray(at));
    frames.push(length);
    at += length;
  }
  return { chunk, bytes: output.subarray(0, at), frames };
}

/**
 * Decodes a chunk from its compressed frames. The result lies in `memory.raw`, until the next chunk.
 * @throws CacheError CORRUPT unless it is exactly what was encoded
 */
export async function decodeChunk(
  memory: ChunkMemory,
  chunk: Chunk,
  source: { frames: Uint8Array[]; zstd: Zstd },
): Promise<Uint8Array> {
  for (const [k, content] of contentsOf(memory, chunk).entries()) {
    const frame = source.frames[k];
    if (!frame) throw corrupt('a chunk lacks a frame');
    const { contentSize, stored } = inspectFrame(frame);
    if (contentSize !== content.length) throw corrupt('a frame is not as long as the metadata says');
    if (stored) copyStored(frame, stored, content);
    else await source.zstd.decompress(frame, content);
  }
  putTogether(memory, chunk);
  const raw = memory.raw.subarray(0, chunk.size);
  if (zlib.crc32(raw) !== chunk.crc32) throw corrupt('a chunk does not match its CRC-32');
  return raw;
}

/** The chunk's CRC-32 covers these bytes, so they do not go through zstd for the sake of its own check. */
function copyStored(frame: Uint8Array, stored: { begin: number; end: number }[], content: Uint8Array): void {
  let at = 0;
  for (const { begin, end } of stored) {
    content.set(frame.subarray(begin, end), at);
    at += end - begin;
  }
}

/** Where the contents of a chunk's frames lie in memory: what is compressed, and where it is decoded to. */
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
  if (run.as === 'planes2') kernels.split2(from, a.byteOffset, b.byteOffset, count);
  if (run.as === 'planes2r') kernels.split2R(from, a.byteOffset, b.byteOffset, count);
  if (run.as === 'planes4r') kernels.split4R(from, c.byteOffset, d.byteOffset, e.byteOffset, f.byteOffset, count);
  const exponents = planesOf(memory, run).at(-1);
  return exponents && allowsPairs(run) ? packPairs(memory, exponents) : null;
}

function putTogether(memory: ChunkMemory, chunk: Chunk): void {
  const { kernels, raw, planes } = memory;
  const exponents = planesOf(memory, chunk).at(-1);
  if (exponents && chunk.pairs) unpackPairs(memory, exponents, chunk.pairs);
  const [a, b] = planes[2];
  const [c, d, e, f] = planes[4];
  const [to, count] = [raw.byteOffset, chunk.size / widthOf[chunk.as]];
  if (chunk.as === 'planes2') kernels.merge2(to, a.byteOffset, b.byteOffset, count);
  if (chunk.as === 'planes2r') kernels.merge2R(to, a.byteOffset, b.byteOffset, count);
  if (chunk.as === 'planes4r') kernels.merge4R(to, c.byteOffset, d.byteOffset, e.byteOffset, f.byteOffset, count);
}
