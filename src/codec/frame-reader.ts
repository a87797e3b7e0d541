import { closeSync, fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { PageCacheProbe } from '../runtime/page-cache.ts';
import { leastUncached, openUncached, pageBytes } from '../runtime/uncached.ts';
import { corrupt } from './corrupt.ts';
import { readAt } from './file-io.ts';

const readSome = promisify(read);

/** Number of chunks whose frames are read while one is decoded. */
const chunksAhead = 2;
/** The areas that such a reader needs. */
export const areasAhead = 1 + chunksAhead;

/** Bytes of the compressed file. */
export interface FileRange {
  position: number;
  size: number;
}

/**
 * Reads the frames of chunks one after the other. If the page cache holds them, they come from there, when they are needed. Otherwise
 * they are read past it, the next ones while one is decoded: filling the page cache takes as long as decoding.
 */
export class FrameReader implements Disposable {
  readonly #fd: number;
  readonly #places: readonly FileRange[];
  readonly #areas: readonly Uint8Array[];
  readonly #pageCache: PageCacheProbe;
  readonly #uncached: number | null;
  /** The reads in flight, the first one of this chunk. */
  #reads: Promise<Uint8Array>[] = [];
  #next = -1;

  /**
   * @param places of the frames of each chunk  @param areas that they are read into in turn, each with room for any of them, at a page,
   * and two pages more; with a single one nothing is read ahead
   */
  constructor(fd: number, places: readonly FileRange[], areas: readonly Uint8Array[]) {
    this.#fd = fd;
    this.#places = places;
    this.#areas = areas;
    this.#pageCache = new PageCacheProbe(fd);
    const isLarge = areas.length > 1 && process.platform === 'linux' && fstatSync(fd).size >= leastUncached;
    // Opened by its descriptor, because the name may lead to another file meanwhile.
    this.#uncached = isLarge ? openUncached(`/proc/self/fd/${fd}`) : null;
  }

  /**
   * The frames of a chunk, valid until the next call.
   * @param until the chunk before which no further ones are read ahead
   * @throws CacheError CORRUPT; errors of the file system unchanged
   */
  async read(index: number, until: number): Promise<Uint8Array> {
    if (index !== this.#next) {
      await Promise.allSettled(this.#reads);
      this.#reads = [];
    }
    this.#next = index + 1;
    if (this.#reads.length === 0 && this.#isInMemory(index)) return this.#readNow(index);
    while (this.#reads.length < this.#areas.length && index + this.#reads.length < Math.max(until, index + 1)) {
      const ahead = this.#readPages(index + this.#reads.length);
      ahead.catch(() => {});
      this.#reads.push(ahead);
    }
    return (this.#reads.shift() as Promise<Uint8Array>).catch(() => this.#readNow(index));
  }

  /** Closes what it opened, when no read is in flight. */
  [Symbol.dispose](): void {
    const uncached = this.#uncached;
    if (uncached !== null) void Promise.allSettled(this.#reads).then(() => closeSync(uncached));
  }

  #isInMemory(index: number): boolean {
    return this.#uncached === null || this.#pageCache.holds(this.#place(index).position);
  }

  #readNow(index: number): Uint8Array {
    const { position, size } = this.#place(index);
    const frames = this.#area(index).subarray(0, size);
    if (readAt(this.#fd, frames, position) < size) throw corrupt('it became shorter while it was read');
    return frames;
  }

  async #readPages(index: number): Promise<Uint8Array> {
    const { position, size } = this.#place(index);
    const before = position % pageBytes;
    const length = Math.ceil((before + size) / pageBytes) * pageBytes;
    const area = this.#area(index);
    const { bytesRead } = await readSome(this.#uncached ?? this.#fd, area, 0, length, position - before);
    if (bytesRead < before + size) throw corrupt('it became shorter while it was read');
    return area.subarray(before, before + size);
  }

  #place(index: number): FileRange {
    return this.#places[index] ?? { position: 0, size: 0 };
  }

  #area(index: number): Uint8Array {
    return this.#areas[index % this.#areas.length] ?? new Uint8Array();
  }
}
