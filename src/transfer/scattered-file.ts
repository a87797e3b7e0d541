import { closeSync, constants, openSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { chunkSize, hashOverChunks } from '../codec/chunk-hash.ts';
import { readAt } from '../codec/file-io.ts';
import { createXxh128, type StreamHash } from '../codec/xxh128.ts';
import type { SourceFile } from '../core/types.ts';
import type { OpenSource } from '../sources/driver.ts';
import { writing } from '../sources/io-errors.ts';
import { readFully } from '../sources/read-fully.ts';
import { type Journal, keepPartial, readJournal, writeJournal } from '../tiers/partial.ts';
import { BlockWriter, watched } from './block-writer.ts';
import { createAnew, isSameSource, journalBytes, remoteJournalBytes } from './partial-file.ts';

interface ResumeOptions {
  /** The source, if it is readable: chunks taken over are compared with it. */
  open: OpenSource | null;
  /** Called with each chunk taken over, whose memory is then used again; if it throws, the copy ends. */
  onChunk(chunk: number, bytes: Buffer): void;
}

/** An unfinished file of a source whose chunks come in any order. */
export class ScatteredFile {
  readonly #temp: string;
  readonly #source: SourceFile;
  readonly #fd: number;
  readonly #writer: BlockWriter;
  readonly #hash: StreamHash;
  /** The hash of each chunk that was written; null for the others. */
  readonly #digests: (string | null)[];
  readonly #journalBytes: number;
  #unnoted = 0;
  #noting: Promise<void> = Promise.resolve();

  private constructor(source: SourceFile, made: { temp: string; fd: number; hash: StreamHash; journalBytes: number }) {
    const { size } = source.fingerprint;
    this.#source = source;
    this.#temp = made.temp;
    this.#fd = made.fd;
    this.#hash = made.hash;
    this.#journalBytes = made.journalBytes;
    this.#writer = new BlockWriter(made.fd, size);
    this.#digests = new Array<null>(Math.ceil(size / chunkSize)).fill(null);
  }

  /**
   * Resumes an interrupted copy, or begins anew. Every chunk taken over is read again from the cache's own disk and compared with
   * the journal; the first and the last of them are compared with the source too, as in `PartialFile.open`.
   */
  static async open(temp: string, source: SourceFile, { open, onChunk }: ResumeOptions): Promise<ScatteredFile> {
    const found = keepPartial(temp) > 0 ? readJournal(temp) : undefined;
    const hash = await createXxh128();
    const made = { temp, hash, journalBytes: open?.traits.versioned ? remoteJournalBytes : journalBytes };
    if (!found || !isSameSource(found.source, source)) return new ScatteredFile(source, { ...made, fd: createAnew(temp) });
    const fd = writing(() => openSync(temp, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)));
    const file = new ScatteredFile(source, { ...made, fd });
    try {
      if (await file.#takeOver(found.chunks, { open, onChunk })) return file;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return new ScatteredFile(source, { ...made, fd: createAnew(temp) });
  }

  /** The number of chunks. */
  get chunks(): number {
    return this.#digests.length;
  }

  has(chunk: number): boolean {
    return this.#digests[chunk] != null;
  }

  /** Size of the present chunks, bytes. */
  get bytes(): number {
    return this.#digests.reduce((sum, digest, chunk) => sum + (digest === null ? 0 : this.#lengthOf(chunk)), 0);
  }

  /** Whether chunks that need not stay in the page cache are written past it. */
  get writesUncached(): boolean {
    return this.#writer.writesUncached;
  }

  /** Writes a whole chunk. @param cached whether to leave it in the page cache  @throws CacheError NO_SPACE, CACHE_IO */
  async write(chunk: number, bytes: Uint8Array, cached: boolean): Promise<void> {
    if (bytes.length !== this.#lengthOf(chunk)) throw new Error(`chunk ${chunk} has not ${bytes.length} bytes`);
    const written = this.#writer.write(bytes, chunk * chunkSize, cached);
    // One chunk at a time: the hasher has one state.
    this.#hash.update(bytes);
    const digest = this.#hash.digest();
    await written;
    this.#digests[chunk] = digest;
    this.#unnoted += bytes.length;
    if (this.#unnoted >= this.#journalBytes) void this.#note();
    await this.#writer.send();
  }

  /** Reads a present chunk. @throws CacheError CACHE_IO */
  read(chunk: number, memory = Buffer.allocUnsafe(this.#lengthOf(chunk))): Buffer {
    const bytes = memory.subarray(0, this.#lengthOf(chunk));
    return bytes.subarray(0, this.readAt(bytes, chunk * chunkSize));
  }

  /** @returns bytes read, fewer only at the end of the file  @throws CacheError CACHE_IO */
  readAt(into: Uint8Array, position: number): number {
    return writing(() => readAt(this.#fd, into, position));
  }

  /** The hashes of the whole file. */
  async digest(): Promise<{ hash: string; chunks: string[] }> {
    const chunks = this.#digests.map((digest, chunk) => digest ?? missing(chunk));
    return { hash: await hashOverChunks(chunks), chunks };
  }

  /** Notes the present chunks in the journal, so that an orderly interruption loses none. */
  async interrupted(): Promise<void> {
    if (this.#unnoted > 0) await this.#note();
    await this.#noting;
  }

  /** @throws CacheError when the last write or sync failed; the file is closed in any case. */
  async close(): Promise<void> {
    try {
      await Promise.all([this.#noting, this.#writer.sent]);
    } finally {
      await this.#writer.close();
      closeSync(this.#fd);
    }
  }

  /** @returns false when no chunk is usable */
  async #takeOver(digests: readonly (string | null)[], { open, onChunk }: ResumeOptions): Promise<boolean> {
    const there = [...digests.keys()].filter((chunk) => digests[chunk] !== null && chunk < this.chunks);
    const [first, last] = [there[0], there.at(-1)];
    const memory = Buffer.allocUnsafe(chunkSize);
    if (open && !(await this.#areOf(open, [first, last]))) return false;
    for (const chunk of there) {
      const bytes = this.read(chunk, memory);
      this.#hash.update(bytes);
      if (this.#hash.digest() !== digests[chunk] || bytes.length !== this.#lengthOf(chunk)) continue;
      this.#digests[chunk] = digests[chunk] ?? null;
      onChunk(chunk, bytes);
      // Lets a cancel arrive.
      await turn();
    }
    return this.bytes > 0;
  }

  /** Whether these chunks are the source's, which may have been rewritten with its old size and time. */
  async #areOf(open: OpenSource, chunks: readonly (number | undefined)[]): Promise<boolean> {
    if (open.traits.versioned) return true;
    for (const chunk of new Set(chunks)) {
      if (chunk === undefined) continue;
      const own = this.read(chunk);
      const original = Buffer.allocUnsafe(own.length);
      if ((await readFully(open, original, chunk * chunkSize)) !== own.length || !original.equals(own)) return false;
    }
    return true;
  }

  #lengthOf(chunk: number): number {
    return Math.max(0, Math.min(chunkSize, this.#source.fingerprint.size - chunk * chunkSize));
  }

  /** Writes one journal after the other, because chunks come while one is written. */
  #note(): Promise<void> {
    this.#unnoted = 0;
    this.#noting = watched(this.#noting.then(() => writeJournal(this.#temp, this.#journal())));
    return this.#noting;
  }

  #journal(): Journal {
    const end = this.#digests.findLastIndex((digest) => digest !== null);
    const bytes = end * chunkSize + this.#lengthOf(end);
    return { source: this.#source, bytes, chunks: this.#digests.slice(0, end + 1) };
  }
}

function missing(chunk: number): never {
  throw new Error(`chunk ${chunk} is missing`);
}
