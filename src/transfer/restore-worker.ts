import { chunkSize } from '../codec/chunk-hash.ts';
import { CompressedFile } from '../codec/compressed-file.ts';
import { writeAt } from '../codec/file-io.ts';
import { hashableMemory } from '../codec/xxh3-kernel.ts';
import { createXxh128, type StreamHash } from '../codec/xxh128.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { liesInMemory } from '../media/assert-in-memory.ts';
import { serveParent } from '../runtime/peer.ts';
import { Serial } from '../runtime/serial.ts';
import { writing } from '../sources/io-errors.ts';
import { settled } from './block-readers.ts';
import { BlockWriter } from './block-writer.ts';
import { damaged, fromOrigin } from './origin.ts';

export interface RestoreWorker {
  /**
   * @param from the compressed file; its descriptor is valid in the whole process  @param to a descriptor open for writing
   * @throws CacheError CORRUPT
   */
  open(from: { fd: number; path: string }, to: number): Promise<void>;
  /**
   * Decodes the part of the original that is hashed as one chunk, and begins to write it to its place.
   * @param cached whether to leave the bytes in the page cache
   * @returns the hash of its bytes
   * @throws CacheError CORRUPT; NO_SPACE or CACHE_IO of this part or of one before
   */
  restore(part: number, cached: boolean): Promise<string>;
  /** Resolves when all bytes are written. @throws CacheError NO_SPACE, CACHE_IO */
  written(): Promise<void>;
  /** Ends the use of all descriptors, after the requested parts are done. */
  close(): Promise<void>;
}

/** Size of a piece that stays in the processor's cache between copy and hash, bytes. */
const hashedBytes = 64 * 1024;
/** Number of windows: one part is written while the next one is decoded. */
const windows = 2;

/** Decodes, hashes and writes in one thread: bytes that pass from thread to thread would be copied once more for each of them. */
class Restoring {
  readonly #file: CompressedFile;
  readonly #hash: StreamHash;
  readonly #to: number;
  readonly #inMemory: boolean;
  readonly #writer: BlockWriter;
  readonly #memory: Uint8Array;
  #turn = 0;
  #before: Promise<void> = Promise.resolve();

  constructor(file: CompressedFile, hash: StreamHash, to: number) {
    this.#file = file;
    this.#hash = hash;
    this.#to = to;
    this.#inMemory = liesInMemory(`/proc/self/fd/${to}`);
    this.#writer = new BlockWriter(to, file.metadata.size);
    this.#memory = hashableMemory(this.#inMemory ? 0 : windows * chunkSize);
  }

  async restore(part: number, cached: boolean): Promise<string> {
    const begin = part * chunkSize;
    if (this.#inMemory) return this.#restoreAtOnce(begin, Math.min(begin + chunkSize, this.#file.metadata.size));
    const free = (this.#turn++ % windows) * chunkSize;
    const window = this.#memory.subarray(free, free + Math.min(chunkSize, this.#file.metadata.size - begin));
    let filled = 0;
    for await (const bytes of this.#decoded(begin, begin + window.length)) {
      for (let at = 0; at < bytes.length; at += hashedBytes) {
        const piece = bytes.subarray(at, at + hashedBytes);
        const place = window.subarray(filled, filled + piece.length);
        place.set(piece);
        this.#hash.update(place);
        filled += piece.length;
      }
    }
    // The other window is free again when its write has ended.
    await this.#before;
    this.#before = this.#writer.write(window, begin, cached).then(() => this.#writer.send());
    // Its failure is reported with the next part.
    this.#before.catch(() => {});
    return this.#hash.digest();
  }

  /** Restores to memory, where writes do not wait: bytes are written directly after decoding, with one copy less. */
  async #restoreAtOnce(begin: number, end: number): Promise<string> {
    let at = begin;
    for await (const bytes of this.#decoded(begin, end)) {
      this.#hash.update(bytes);
      writing(() => writeAt(this.#to, bytes, at));
      at += bytes.length;
    }
    return this.#hash.digest();
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

  async *#decoded(begin: number, end: number): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#file.bytes(begin, end);
    } catch (error) {
      throw damaged(sentenceOf(error), error);
    }
  }
}

let restoring: Restoring | undefined;
/** Parts are restored one after the other. */
const turns = new Serial();

function opened(): Restoring {
  if (!restoring) throw new CacheError('INTERNAL', 'no compressed file is open');
  return restoring;
}

/** The entry of a thread that restores parts of a compressed copy. */
serveParent<object, RestoreWorker>({
  async open({ fd, path }, to) {
    restoring = new Restoring(
      fromOrigin(() => new CompressedFile(fd, path)),
      await createXxh128(),
      to,
    );
  },
  restore: (part, cached) => turns.run(() => opened().restore(part, cached)),
  written: () => opened().written(),
  async close() {
    await turns.settled();
    await restoring?.close();
  },
});
