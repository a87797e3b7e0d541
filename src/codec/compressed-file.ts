import { closeSync } from 'node:fs';
import { openBase } from './base-path.ts';
import { bytesOfBase, decodeChunk } from './chunk-codec.ts';
import { type ChunkMemory, createChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { type FramePlace, readTail } from './footer.ts';
import { type BaseChunk, type Chunk, frameSizes, isDerived, type Metadata } from './format.ts';
import { areasAhead, type FileRange, FrameReader } from './frame-reader.ts';
import { bestZstd, compressedBound } from './zstd.ts';

interface PlacedChunk {
  chunk: Chunk;
  /** Position of its first byte in the original. */
  begin: number;
  frames: FramePlace[];
}

export interface CompressedFileOptions {
  /** Whether the frames of the next chunks may be read while one is decoded; `ChunkOptions.until` says how far. */
  readAhead?: boolean;
  /** Bytes of `room`. */
  room?: number;
}

export interface ChunkOptions {
  /** Where to decode it, in `room`, with `slack` bytes behind it; otherwise it is valid until the next one. */
  into?: Uint8Array | undefined;
  /** The chunk before which no further ones are read ahead; default: the next one. */
  until?: number;
  /** Whether the caller compares a hash of the bytes: then their CRC-32 is not computed. */
  hashed?: boolean;
}

/** A compressed file, open for reading. Its footer has been checked; each chunk is checked when it is read. */
export class CompressedFile implements Disposable {
  readonly metadata: Metadata;
  readonly #chunks: PlacedChunk[];
  readonly #memory: ChunkMemory;
  readonly #frames: FrameReader;
  readonly #bases: CompressedFile[] = [];
  readonly #opened: number[] = [];
  #joined = new Uint8Array();
  /** The chunk that was decoded last. */
  #decoded: number | null = null;

  /**
   * Its buffers take at most 42 MiB for any file, and 5 MiB for a file that `encodeFile` wrote, and two chunks more for reading ahead;
   * as much again for each of its bases, and twice the largest chunk where numbers are converted.
   * @param fd the caller closes it, after this
   * @param path of the file, from which its bases are found; without it, only what it stores itself can be read
   * @throws CacheError CORRUPT when the file is damaged or a base is not what it was, BAD_REQUEST when a later version wrote it
   */
  constructor(fd: number, path: string | null = null, { readAhead = false, room = 0 }: CompressedFileOptions = {}) {
    const { metadata, frames } = readTail(fd);
    this.metadata = metadata;
    this.#chunks = placeChunks(metadata, frames);
    this.#memory = createChunkMemory(largest(metadata.chunks.map(({ size }) => size)), {
      reads: readAhead ? areasAhead : 1,
      room,
    });
    this.#frames = new FrameReader(fd, this.#chunks.map(rangeOf), this.#memory.reads);
    try {
      if (path !== null) this.#openBases(path);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Memory for the caller, where chunks can be decoded; it begins at a page. */
  get room(): Uint8Array {
    return this.#memory.room;
  }

  /** The original bytes of one chunk, valid until the next call. Calls must not overlap. @throws CacheError CORRUPT */
  async chunk(index: number, { into, until = index + 1, hashed = false }: ChunkOptions = {}): Promise<Uint8Array> {
    const placed = this.#chunks[index];
    if (!placed) throw new RangeError(`there is no chunk ${index}`);
    const { chunk, frames } = placed;
    const base = chunk.from && (await this.#bytesOfBase(chunk.from, bytesOfBase(chunk)));
    const read = await this.#frames.read(index, until);
    const memory = into ? { ...this.#memory, raw: into } : this.#memory;
    if (!into) this.#decoded = null;
    const bytes = await decodeChunk(memory, chunk, { frames: apart(read, frames), zstd: bestZstd, base, hashed });
    if (!into) this.#decoded = index;
    return bytes;
  }

  /** The same, without decoding it again if it is the last one that was decoded to no other place. */
  async chunkOrLast(index: number, options: ChunkOptions = {}): Promise<Uint8Array> {
    if (this.#decoded !== index) return this.chunk(index, options);
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
    return this.chunkOrLast(index);
  }

  /** Position of the first byte of a chunk in the original. */
  beginOf(index: number): number {
    return this.#chunks[index]?.begin ?? this.metadata.size;
  }

  /** The last chunk that begins at or before a position. */
  chunkAt(position: number): number {
    let [low, high] = [0, this.#chunks.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.begin ?? 0) <= position) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Ends its reads ahead, and closes its bases. */
  [Symbol.dispose](): void {
    this.#frames[Symbol.dispose]();
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
}

const rangeOf = ({ frames }: PlacedChunk): FileRange => ({
  position: frames[0]?.position ?? 0,
  size: frames.reduce((total, { size }) => total + size, 0),
});

/** The frames of a chunk, from all their bytes. */
function apart(bytes: Uint8Array, frames: FramePlace[]): Uint8Array[] {
  const begin = frames[0]?.position ?? 0;
  return frames.map(({ position, size }) => bytes.subarray(position - begin, position - begin + size));
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
