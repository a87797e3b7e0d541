import { closeSync, fdatasync, write } from 'node:fs';
import { promisify } from 'node:util';
import { chunkSize } from '../codec/chunk-hash.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { leastUncached, openUncachedToWrite, pageBytes } from '../runtime/uncached.ts';
import { writeError } from '../sources/io-errors.ts';

/**
 * Size of portions in which bytes in the page cache are sent to the disk, at most two in flight. If a copy left gigabytes of dirty
 * pages to its last fsync, the small writes of every other program would wait for them.
 */
const syncBytes = 8 * chunkSize;

/**
 * Writes a file block by block on a pool thread, so the caller can hash the block meanwhile. Large files are written past the page
 * cache where possible, from blocks aligned to pages in memory and in the file. Nothing then waits to be flushed, other programs
 * keep their data in memory, and the copy into the page cache is saved, which takes more time than hashing.
 */
export class BlockWriter {
  readonly #fd: number;
  readonly #uncached: number | null;
  #refused = false;
  /** Resolves when all blocks so far are written, rejects when one cannot be. */
  #written: Promise<void> = Promise.resolve();
  #underWay: Promise<unknown> = Promise.resolve();
  /** Bytes written into the page cache so far, and those of them sent to the disk. */
  #cachedBytes = 0;
  #sentBytes = 0;
  #sending: Promise<void> = Promise.resolve();

  /** @param fd open for writing; the caller closes it, after this  @param size of the finished file, bytes */
  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#uncached = size < leastUncached ? null : openUncachedToWrite(fd);
  }

  /** Whether blocks may be written past the page cache; false for small files, and once the system has refused it. */
  get writesUncached(): boolean {
    return this.#uncached !== null && !this.#refused;
  }

  /**
   * Resolves when the file has these bytes and all before; the bytes must not change until then.
   * @param cached whether to leave them in the page cache
   * @throws CacheError NO_SPACE, CACHE_IO
   */
  write(bytes: Uint8Array, position: number, cached: boolean): Promise<void> {
    const own = this.#write(bytes, position, cached).catch((error) => {
      throw writeError(error);
    });
    this.#underWay = Promise.allSettled([this.#underWay, own]);
    this.#written = this.#written.then(() => own);
    return this.#written;
  }

  /** Sends gathered bytes in the page cache to the disk, when they are enough. @throws CacheError of the portion before */
  async send(): Promise<void> {
    if (this.#cachedBytes - this.#sentBytes < syncBytes) return;
    this.#sentBytes = this.#cachedBytes;
    await this.#sending;
    this.#sending = watched(promisify(fdatasync)(this.#fd));
  }

  /** Resolves when the sent bytes are on the disk. @throws CacheError */
  get sent(): Promise<void> {
    return this.#sending;
  }

  /** Resolves when no write and no sync is in flight. */
  async close(): Promise<void> {
    await this.#underWay;
    await this.#sending.catch(() => {});
    if (this.#uncached !== null) closeSync(this.#uncached);
  }

  async #write(bytes: Uint8Array, position: number, cached: boolean): Promise<void> {
    let written = cached ? 0 : await this.#writePages(bytes, position);
    this.#cachedBytes += bytes.length - written;
    while (written < bytes.length) written += await writeSome(this.#fd, bytes.subarray(written), position + written);
  }

  /** Writes the whole pages at the start of the block past the page cache, where possible. @returns the bytes written */
  async #writePages(bytes: Uint8Array, position: number): Promise<number> {
    const length = bytes.length - (bytes.length % pageBytes);
    if (this.#uncached === null || this.#refused || length === 0) return 0;
    try {
      return await writeSome(this.#uncached, bytes.subarray(0, length), position);
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error;
      // This file system or this memory does not allow it.
      this.#refused = true;
      return 0;
    }
  }
}

/** Translates a failure for the next awaiting caller; until then it is no unhandled rejection. */
export function watched(work: Promise<void>): Promise<void> {
  const told = work.catch((error) => {
    throw writeError(error);
  });
  told.catch(() => {});
  return told;
}

function writeSome(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error) reject(error);
      else if (written === 0) reject(new Error('the system takes no more bytes'));
      else resolve(written);
    });
  });
}
