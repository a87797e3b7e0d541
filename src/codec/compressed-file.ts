import { decodeChunk } from './chunk-codec.ts';
import { type ChunkMemory, createChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { readAt } from './file-io.ts';
import { type FramePlace, readTail } from './footer.ts';
import { type Chunk, frameSizes, type Metadata } from './format.ts';
import { bestZstd, compressedBound } from './zstd.ts';

interface PlacedChunk {
  chunk: Chunk;
  frames: FramePlace[];
}

/** A compressed file, open for reading. Its footer has been checked; each chunk is checked when it is read. */
export class CompressedFile {
  readonly metadata: Metadata;
  readonly #fd: number;
  readonly #chunks: PlacedChunk[];
  readonly #memory: ChunkMemory;

  /**
   * Its buffers take at most 42 MiB for any file, and 5 MiB for a file that `encodeFile` wrote.
   * @param fd the caller closes it
   * @throws CacheError CORRUPT when the file is damaged, BAD_REQUEST when a later version wrote it
   */
  constructor(fd: number) {
    const { metadata, frames } = readTail(fd);
    this.#fd = fd;
    this.metadata = metadata;
    this.#chunks = placeChunks(metadata, frames);
    this.#memory = createChunkMemory(largest(metadata.chunks.map(({ size }) => size)));
  }

  /** The original bytes of one chunk, valid until the next call. Calls must not overlap. */
  async chunk(index: number): Promise<Uint8Array> {
    const placed = this.#chunks[index];
    if (!placed) throw new RangeError(`there is no chunk ${index}`);
    const { chunk, frames } = placed;
    await decodeChunk(this.#memory, chunk, { frames: this.#readFrames(frames), zstd: bestZstd });
    return this.#memory.raw.subarray(0, chunk.size);
  }

  #readFrames(frames: FramePlace[]): Uint8Array[] {
    const begin = frames[0]?.position ?? 0;
    const input = this.#memory.frames.subarray(
      0,
      frames.reduce((total, { size }) => total + size, 0),
    );
    if (readAt(this.#fd, input, begin) < input.length) throw corrupt('it became shorter while it was read');
    return frames.map(({ position, size }) => input.subarray(position - begin, position - begin + size));
  }
}

/** Gives each chunk its frames. The sizes bound all memory that reading takes, so impossible ones are refused. */
function placeChunks(metadata: Metadata, frames: FramePlace[]): PlacedChunk[] {
  let next = 0;
  const placed = metadata.chunks.map((chunk) => {
    const own = frameSizes(chunk).map((contentSize) => {
      const frame = frames[next++];
      if (frame?.contentSize !== contentSize) throw corrupt('its chunks and its frames differ');
      if (frame.size > compressedBound(contentSize)) throw corrupt('it has a frame larger than its content');
      return frame;
    });
    return { chunk, frames: own };
  });
  if (next !== frames.length) throw corrupt('it has frames that belong to no chunk');
  const total = metadata.chunks.reduce((sum, { size }) => sum + size, 0);
  if (total !== metadata.size) throw corrupt('its chunks do not add up to the size of the original');
  return placed;
}

const largest = (sizes: number[]): number => sizes.reduce((most, size) => Math.max(most, size), 0);
