import { closeSync, constants, fdatasync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ChunkHash, chunkSize } from '../codec/chunk-hash.ts';
import { readAt } from '../codec/file-io.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SourceFile } from '../core/types.ts';
import type { OpenSource } from '../sources/driver.ts';
import { writeError, writing } from '../sources/io-errors.ts';
import { readFully } from '../sources/read-fully.ts';
import { dropPartial, keepPartial, readJournal, writeJournal } from '../tiers/partial.ts';
import { BlockWriter } from './block-writer.ts';
import { CopyHashes } from './copy-hashes.ts';

/**
 * Between two entries in the journal. One may be on its way while the next comes up, and two chunks of the source are compared on
 * resuming: less than 64 MiB are read again. The journal does not wait for the disk: a killed program loses nothing that it has
 * written, and after a power cut the chunks that did not reach the disk are found by their hashes.
 */
const journalBytes = 3 * chunkSize;
/**
 * Bytes in the page cache are sent to the disk in portions of so many, two at most on the way: a copy that leaves gigabytes of dirty
 * pages to its last fsync makes every other program's small writes wait for them.
 */
const syncBytes = 8 * chunkSize;

interface ResumeOptions {
  open: OpenSource;
  /** Whether SHA-256 is wanted. */
  identity: boolean;
  /** Told after each chunk that is taken over; what it throws ends the copy. */
  onChunk(bytes: number): void;
}

interface Opened {
  file: PartialFile;
  /** Where to go on. */
  at: number;
  hashes: CopyHashes;
}

/** An unfinished file of this source, open for writing from `at` on. */
export class PartialFile {
  readonly #temp: string;
  readonly #source: SourceFile;
  readonly #fd: number;
  readonly #writer: BlockWriter;
  /** Up to where the journal speaks, and up to where the file was written. */
  #journaled: number;
  #written: number;
  /** How many bytes of the page cache were sent to the disk, or are on their way. */
  #synced = 0;
  #journaling: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  private constructor(temp: string, source: SourceFile, opened: { fd: number; at: number; journal?: boolean }) {
    this.#temp = temp;
    this.#source = source;
    this.#fd = opened.fd;
    this.#writer = new BlockWriter(opened.fd, source.fingerprint.size);
    this.#written = opened.at;
    this.#journaled = opened.journal === false ? Number.POSITIVE_INFINITY : opened.at;
  }

  /** An empty file without a journal: what interrupts it is to begin anew. */
  static create(temp: string, source: SourceFile): PartialFile {
    return new PartialFile(temp, source, { fd: createAnew(temp), at: 0, journal: false });
  }

  /**
   * Goes on with what an interrupted copy left, or begins anew. Every byte that is taken over is read again from the cache's own
   * disk and compared with the journal; the first and the last of those chunks are read from the source too, so that a file that
   * was rewritten under its old size and time is not continued with another one's end.
   */
  static async open(temp: string, source: SourceFile, options: ResumeOptions): Promise<Opened> {
    const journal = keepPartial(temp) > 0 ? readJournal(temp) : undefined;
    if (journal && isSame(journal.source, source)) {
      const hashes = await CopyHashes.create(options.identity);
      const fd = writing(() => openSync(temp, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)));
      try {
        const at = await takeOver(fd, journal.chunks, { ...options, hashes });
        if (at > 0) {
          writing(() => ftruncateSync(fd, at));
          return { file: new PartialFile(temp, source, { fd, at }), at, hashes };
        }
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      closeSync(fd);
    }
    const hashes = await CopyHashes.create(options.identity);
    return { file: new PartialFile(temp, source, { fd: createAnew(temp), at: 0 }), at: 0, hashes };
  }

  /** Goes on where the last write ended, as `BlockWriter.write` does it. */
  async write(bytes: Uint8Array, position: number, cached: boolean): Promise<void> {
    await this.#writer.write(bytes, position, cached);
    this.#written = position + bytes.length;
  }

  /** Notes what was written, and sends it to the disk, whenever enough has come together. */
  async checkpoint({ chunked }: CopyHashes): Promise<void> {
    if (this.#wholeBytes(chunked) - this.#journaled >= journalBytes) await this.#note(chunked);
    const { cachedBytes } = this.#writer;
    if (cachedBytes - this.#synced < syncBytes) return;
    this.#synced = cachedBytes;
    await this.#syncing;
    this.#syncing = watched(promisify(fdatasync)(this.#fd));
  }

  /** Notes all whole chunks: what is interrupted in order loses no more than the last of them. */
  async interrupted({ chunked }: CopyHashes): Promise<void> {
    if (this.#wholeBytes(chunked) > this.#journaled) await this.#note(chunked);
    await this.#journaling;
  }

  /** @throws CacheError when the last write or sync failed; the file is closed all the same. */
  async close(): Promise<void> {
    try {
      // The file must not be closed under a sync that still runs.
      await Promise.all([this.#journaling, this.#syncing]);
    } finally {
      await this.#syncing.catch(() => {});
      await this.#writer.close();
      closeSync(this.#fd);
    }
  }

  /** Of whole chunks, hashed and written: a block is hashed while it is on its way. */
  #wholeBytes({ wholeBytes }: ChunkHash): number {
    return Math.min(wholeBytes, this.#written - (this.#written % chunkSize));
  }

  async #note(chunked: ChunkHash): Promise<void> {
    const bytes = this.#wholeBytes(chunked);
    this.#journaled = bytes;
    await this.#journaling;
    const chunks = chunked.chunks.slice(0, bytes / chunkSize);
    const journal = { version: 1 as const, source: this.#source, bytes, chunks };
    this.#journaling = watched(writeJournal(this.#temp, journal));
  }
}

/** A new file, never the old one emptied: a worker that was left behind may still hold that. */
export function createAnew(temp: string): number {
  return writing(() => {
    dropPartial(temp);
    mkdirSync(dirname(temp), { recursive: true });
    return openSync(temp, 'wx', 0o600);
  });
}

/** Whoever awaits it next sees the failure, in our words; until then it is no unhandled one. */
function watched(work: Promise<void>): Promise<void> {
  const told = work.catch((error) => {
    throw writeError(error);
  });
  told.catch(() => {});
  return told;
}

/** How many bytes can be relied on: whole chunks, from the start, up to the first that is not what it was. */
async function takeOver(
  fd: number,
  digests: readonly string[],
  { open, hashes, onChunk }: ResumeOptions & { hashes: CopyHashes },
): Promise<number> {
  const chunk = Buffer.allocUnsafe(chunkSize);
  const original = Buffer.allocUnsafe(chunkSize);
  const isOfSource = async (at: number) => {
    writing(() => readAt(fd, chunk, at));
    return (await readFully(open, original, at)) === chunkSize && original.equals(chunk);
  };
  if (!(await isOfSource(0))) return 0;
  let at = 0;
  for (const digest of digests) {
    if (writing(() => readAt(fd, chunk, at)) < chunkSize || !hashes.accept(chunk, digest)) break;
    at += chunkSize;
    // Lets a cancel in.
    await turn();
    onChunk(at);
  }
  return at > 0 && (await isOfSource(at - chunkSize)) ? at : 0;
}

function isSame(a: SourceFile, b: SourceFile): boolean {
  return a.path === b.path && isSameFingerprint(a.fingerprint, b.fingerprint);
}
