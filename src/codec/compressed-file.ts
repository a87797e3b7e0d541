import { closeSync } from 'node:fs';
import { openBase } from './base-path.ts';
import { bytesOfBase, decodeChunk } from './chunk-codec.ts';
import { type ChunkMemory, createChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { readAt } from './file-io.ts';
import { type FramePlace, readTail } from './footer.ts';
import { type BaseChunk, type Chunk, frameSizes, isDerived, type Metadata } from './format.ts';
import { bestZstd, compressedBound } from './zstd.ts';

interface PlacedChunk {
  chunk: Chunk;
  /** Position of its first byte in the original. */
  begin: number;
  frames: FramePlace[];
}

/** A compressed file, open for reading. Its footer has been checked; each chunk is checked when it is read. */
export class CompressedFile implements Disposable {
  readonly metadata: Metadata;
  readonly #fd: number;
  readonly #chunks: PlacedChunk[];
  readonly #memory: ChunkMemory;
  readonly #bases: CompressedFile[] = [];
  readonly #opened: number[] = [];
  #joined = new Uint8Array();
  /** The chunk that was decoded last. */
  #decoded: number | null = null;

  /**
   * Its buffers take at most 42 MiB for any file, and 5 MiB for a file that `encodeFile` wrote; as much again for each of its bases,
   * and twice the largest chunk where numbers are converted.
   * @param fd the caller closes it, after this
   * @param path of the file, from which its bases are found; without it, only what it stores itself can be read
   * @throws CacheError CORRUPT when the file is damaged or a base is not what it was, BAD_REQUEST when a later version wrote it
   */
  constructor(fd: number, path: string | null = null) {
    const { metadata, frames } = readTail(fd);
    this.#fd = fd;
    this.metadata = metadata;
    this.#chunks = placeChunks(metadata, frames);
    this.#memory = createChunkMemory(largest(metadata.chunks.map(({ size }) => size)));
    try {
      if (path !== null) this.#openBases(path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The original bytes of one chunk, valid until the next call. Calls must not overlap. */
  async chunk(index: number): Promise<Uint8Array> {
    const placed = this.#chunks[index];
    if (!placed) throw new RangeError(`there is no chunk ${index}`);
    const { chunk, frames } = placed;
    const base = chunk.from && (await this.#bytesOfBase(chunk.from, bytesOfBase(chunk)));
    this.#decoded = null;
    await decodeChunk(this.#memory, chunk, { frames: this.#readFrames(frames), zstd: bestZstd, base });
    this.#decoded = index;
    return this.#memory.raw.subarray(0, chunk.size);
  }

  /** The original bytes from `begin` to before `end`, in pieces, each valid until the next one is asked for. Calls must not overlap. */
  async *bytes(begin: number, end: number): AsyncGenerator<Uint8Array> {
    for (let index = this.#chunkAt(begin), at = begin; at < end; index++) {
      const from = this.#chunks[index]?.begin ?? 0;
      const piece = (await this.#lastOr(index)).subarray(at - from, end - from);
      at += piece.length;
      yield piece;
    }
  }

  /** A chunk that was decoded last is not decoded again. */
  async #lastOr(index: number): Promise<Uint8Array> {
    if (this.#decoded !== index) return this.chunk(index);
    return this.#memory.raw.subarray(0, this.metadata.chunks[index]?.size);
  }

  /**
   * Bytes of chunks that it stores itself, one after the other, valid until the next call. Calls must not overlap.
   * @param first the chunk that they begin in  @param skip bytes of it before them
   * @throws CacheError CORRUPT where there are no such bytes, or a chunk is made of something else
   */
  async stored(first: number, skip: number, length: number): Promise<Uint8Array> {
    if (skip === 0 && this.metadata.chunks[first]?.size === length) return this.#storedChunk(first);
    if (this.#joined.length < length) this.#joined = new Uint8Array(length);
    const bytes = this.#joined.subarray(0, length);
    let [index, from, done] = [first, skip, 0];
    while (done < length) {
      const part = (await this.#storedChunk(index)).subarray(from, from + length - done);
      bytes.set(part, done);
      [index, from, done] = [index + 1, 0, done + part.length];
    }
    return bytes;
  }

  async #storedChunk(index: number): Promise<Uint8Array> {
    const chunk = this.metadata.chunks[index];
    if (!chunk || isDerived(chunk.as)) throw corrupt('it is made of a chunk that its base does not have');
    return this.#lastOr(index);
  }

  /** The last chunk that begins at or before a position. */
  #chunkAt(position: number): number {
    let [low, high] = [0, this.#chunks.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.begin ?? 0) <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Closes its bases. */
  [Symbol.dispose](): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd);
  }

  #openBases(path: string): void {
    for (const base of this.metadata.bases ?? []) {
      const fd = openBase(base, path);
      this.#opened.push(fd);
      this.#bases.push(new CompressedFile(fd));
    }
  }

  async #bytesOfBase({ base, chunk, skip = 0 }: BaseChunk, length: number): Promise<Uint8Array> {
    const file = this.#bases[base];
    if (!file) throw corrupt('the base that it is made of was not opened');
    return file.stored(chunk, skip, length);
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
  let begin = 0;
  const placed = metadata.chunks.map((chunk) => {
    const own = frameSizes(chunk).map((contentSize) => {
      const frame = frames[next++];
      if (frame?.contentSize !== contentSize) throw corrupt('its chunks and its frames differ');
      if (frame.size > compressedBound(contentSize)) throw corrupt('it has a frame larger than its content');
      return frame;
    });
    begin += chunk.size;
    return { chunk, begin: begin - chunk.size, frames: own };
  });
  if (next !== frames.length) throw corrupt('it has frames that belong to no chunk');
  const total = metadata.chunks.reduce((sum, { size }) => sum + size, 0);
  if (total !== metadata.size) throw corrupt('its chunks do not add up to the size of the original');
  return placed;
}

const largest = (sizes: number[]): number => sizes.reduce((most, size) => Math.max(most, size), 0);
