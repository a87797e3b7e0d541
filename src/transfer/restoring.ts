import { setImmediate as turn } from 'node:timers/promises';
import { chunkSize } from '../codec/chunk-hash.ts';
import { CompressedFile } from '../codec/compressed-file.ts';
import { writeAt } from '../codec/file-io.ts';
import { createXxh128, type StreamHash } from '../codec/xxh128.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { liesInMemory } from '../media/assert-in-memory.ts';
import { Serial } from '../runtime/serial.ts';
import { pageBytes } from '../runtime/uncached.ts';
import { writing } from '../sources/io-errors.ts';
import { settled } from './block-readers.ts';
import { BlockWriter } from './block-writer.ts';
import { damaged, fromOrigin } from './origin.ts';

/** What one thread does in a restore. */
export interface RestoreWorker {
  /**
   * @param from the compressed file; its descriptor is valid in the whole process  @param to a descriptor open for writing
   * @throws CacheError CORRUPT
   */
  open(from: { fd: number; path: string }, to: number): Promise<void>;
  /**
   * Decodes the part of the original that is hashed as one chunk, and begins to write it to its place.
   * @param end the part before which the compressed file may be read ahead  @param cached whether to leave the bytes in the page cache
   * @returns the hash of its bytes, which the caller compares
   * @throws CacheError CORRUPT; NO_SPACE or CACHE_IO of this part or of one before
   */
  restore(part: number, end: number, cached: boolean): Promise<string>;
  /** Resolves when all bytes are written. @throws CacheError NO_SPACE, CACHE_IO */
  written(): Promise<void>;
  /** Ends the use of all descriptors, after the requested parts are done. */
  close(): Promise<void>;
}

/** Number of windows: one part is written while the next one is decoded. */
const windows = 2;
/** A window is followed by a page, as decoding may write a little beyond the end. */
const windowBytes = chunkSize + pageBytes;

/** Decodes, hashes and writes in one thread: bytes that pass from thread to thread would be copied once more for each of them. */
class Restoring {
  readonly #file: CompressedFile;
  readonly #hash: StreamHash;
  readonly #to: number;
  readonly #inMemory: boolean;
  readonly #writer: BlockWriter;
  #turn = 0;
  #before: Promise<void> = Promise.resolve();

  constructor({ fd, path }: { fd: number; path: string }, to: number, hash: StreamHash) {
    this.#inMemory = liesInMemory(`/proc/self/fd/${to}`);
    this.#file = new CompressedFile(fd, path, { readAhead: true, room: this.#inMemory ? 0 : windows * windowBytes });
    this.#hash = hash;
    this.#to = to;
    this.#writer = new BlockWriter(to, this.#file.metadata.size);
  }

  async restore(part: number, end: number, cached: boolean): Promise<string> {
    const begin = part * chunkSize;
    const size = Math.min(chunkSize, this.#file.metadata.size - begin);
    const until = this.#file.chunkAt(end * chunkSize - 1) + 1;
    if (this.#inMemory) await this.#writeAtOnce(begin, begin + size, until);
    else await this.#fillWindow(begin, size, until, cached);
    return this.#hash.digest();
  }

  /** Restores to memory, where writes do not wait: bytes are written while the processor's cache has them. */
  async #writeAtOnce(begin: number, end: number, until: number): Promise<void> {
    for (let at = begin; at < end; ) {
      const bytes = await this.#piece(at, end, until);
      writing(() => writeAt(this.#to, bytes, at));
      at += bytes.length;
    }
  }

  async #fillWindow(begin: number, size: number, until: number, cached: boolean): Promise<void> {
    const window = this.#file.room.subarray((this.#turn++ % windows) * windowBytes).subarray(0, size);
    for (let filled = 0; filled < size; ) {
      const place = window.subarray(filled);
      const bytes = await this.#piece(begin + filled, begin + size, until, place);
      if (bytes.byteOffset !== place.byteOffset) place.set(bytes);
      filled += bytes.length;
    }
    // The other window is free again when its write has ended.
    await this.#before;
    this.#before = this.#writer.write(window, begin, cached).then(() => this.#writer.send());
    // Its failure is reported with the next part.
    this.#before.catch(() => {});
  }

  /** The hashed bytes from a position on, to the end of their chunk. @param place where to decode a chunk that fits there */
  async #piece(at: number, end: number, until: number, place?: Uint8Array): Promise<Uint8Array> {
    const file = this.#file;
    const index = file.chunkAt(at);
    const [begin, next] = [file.beginOf(index), file.beginOf(index + 1)];
    try {
      const into = begin === at && next <= end ? place : undefined;
      const bytes = (await file.chunkOrLast(index, { into, until, hashed: true })).subarray(at - begin, end - begin);
      this.#hash.update(bytes);
      return bytes;
    } catch (error) {
      throw damaged(sentenceOf(error), error);
    }
  }

  async written(): Promise<void> {
    await this.#before;
    await this.#writer.sent;
  }

  async close(): Promise<void> {
    await settled(this.#before);
    await this.#writer.close();
    this.#file[Symbol.dispose]();
  }
}

/** Restores parts of one compressed copy, one after the other. */
export function restoreWorker(): RestoreWorker {
  let restoring: Restoring | undefined;
  const turns = new Serial();
  const opened = (): Restoring => {
    if (!restoring) throw new CacheError('INTERNAL', 'no compressed file is open');
    return restoring;
  };
  return {
    async open(from, to) {
      const hash = await createXxh128();
      restoring = fromOrigin(() => new Restoring(from, to, hash));
    },
    restore: (part, end, cached) =>
      turns.run(async () => {
        // Lets messages arrive.
        await turn();
        return opened().restore(part, end, cached);
      }),
    written: () => opened().written(),
    async close() {
      await turns.settled();
      await restoring?.close();
    },
  };
}
