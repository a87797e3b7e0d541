import { closeSync, constants, existsSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type ChunkHash, chunkSize } from '../codec/chunk-hash.ts';
import { readAt } from '../codec/file-io.ts';
import { CacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { SourceFile } from '../core/types.ts';
import type { OpenSource } from '../sources/driver.ts';
import { writing } from '../sources/io-errors.ts';
import { readFully } from '../sources/read-fully.ts';
import { isClaimed } from '../tiers/marker.ts';
import { dropPartial, keepPartial, readJournal, writeJournal } from '../tiers/partial.ts';
import { BlockWriter, watched } from './block-writer.ts';
import { CopyHashes } from './copy-hashes.ts';

/**
 * Bytes between two entries in the journal. One entry may be in flight when the next is due, and resuming compares two chunks of
 * the source: at most 64 MiB are read again. The journal does not wait for the disk. A killed program loses none of its writes;
 * after a power cut, the hashes reveal the chunks that did not reach the disk.
 */
export const journalBytes = 3 * chunkSize;
/** The same for a remote, which is slow and may charge. Its version proves that it is the same, so no chunk is compared. */
export const remoteJournalBytes = chunkSize;
interface ResumeOptions {
  open: OpenSource;
  /** Whether to compute SHA-256. */
  identity: boolean;
  /** Called after each chunk taken over; if it throws, the copy ends. */
  onChunk(bytes: number): void;
}

interface Opened {
  file: PartialFile;
  /** Position to continue at. */
  at: number;
  hashes: CopyHashes;
}

/** An unfinished file of this source, open for writing from `at` on. */
export class PartialFile {
  readonly #temp: string;
  readonly #source: SourceFile;
  readonly #fd: number;
  readonly #writer: BlockWriter;
  /** End of the journaled bytes, and end of the written bytes. */
  #journaled: number;
  #written: number;
  readonly #journalBytes: number;
  #journaling: Promise<void> = Promise.resolve();

  private constructor(temp: string, source: SourceFile, opened: { fd: number; at: number; journal?: number }) {
    this.#temp = temp;
    this.#source = source;
    this.#fd = opened.fd;
    this.#writer = new BlockWriter(opened.fd, source.fingerprint.size);
    this.#written = opened.at;
    this.#journaled = opened.journal === undefined ? Number.POSITIVE_INFINITY : opened.at;
    this.#journalBytes = opened.journal ?? Number.POSITIVE_INFINITY;
  }

  /** An empty file without a journal: if interrupted, it begins anew. */
  static create(temp: string, source: SourceFile): PartialFile {
    return new PartialFile(temp, source, { fd: createAnew(temp), at: 0 });
  }

  /**
   * Resumes an interrupted copy, or begins anew. Every byte taken over is read again from the cache's own disk and compared with
   * the journal. The first and the last of those chunks are also read from the source: a file rewritten under its old size and time
   * must not be continued with the end of another one.
   */
  static async open(temp: string, source: SourceFile, options: ResumeOptions): Promise<Opened> {
    const found = keepPartial(temp) > 0 ? readJournal(temp) : undefined;
    const { identity, open } = options;
    const journal = open.traits.versioned ? remoteJournalBytes : journalBytes;
    if (found && isSameSource(found.source, source)) {
      const hashes = await CopyHashes.create(identity, open.proof);
      const fd = writing(() => openSync(temp, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)));
      try {
        const at = await takeOver(fd, found.chunks, { ...options, hashes });
        if (at > 0) {
          writing(() => ftruncateSync(fd, at));
          return { file: new PartialFile(temp, source, { fd, at, journal }), at, hashes };
        }
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      closeSync(fd);
    }
    const hashes = await CopyHashes.create(identity, open.proof);
    return { file: new PartialFile(temp, source, { fd: createAnew(temp), at: 0, journal }), at: 0, hashes };
  }

  /** Continues where the last write ended, as `BlockWriter.write` does. */
  async write(bytes: Uint8Array, position: number, cached: boolean): Promise<void> {
    await this.#writer.write(bytes, position, cached);
    this.#written = position + bytes.length;
  }

  /** Journals the written bytes and sends them to the disk, each when enough have gathered. */
  async checkpoint({ chunked }: CopyHashes): Promise<void> {
    if (this.#wholeBytes(chunked) - this.#journaled >= this.#journalBytes) await this.#note(chunked);
    await this.#writer.send();
  }

  /** Journals all whole chunks, so that an orderly interruption loses only part of a chunk. */
  async interrupted({ chunked }: CopyHashes): Promise<void> {
    if (this.#wholeBytes(chunked) > this.#journaled) await this.#note(chunked);
    await this.#journaling;
  }

  /** @throws CacheError when the last write or sync failed; the file is closed in any case. */
  async close(): Promise<void> {
    try {
      await Promise.all([this.#journaling, this.#writer.sent]);
    } finally {
      // The file must not be closed during a sync.
      await this.#writer.close();
      closeSync(this.#fd);
    }
  }

  /** Bytes of whole chunks, hashed and written: a block is hashed while it is written. */
  #wholeBytes({ wholeBytes }: ChunkHash): number {
    return Math.min(wholeBytes, this.#written - (this.#written % chunkSize));
  }

  async #note(chunked: ChunkHash): Promise<void> {
    const bytes = this.#wholeBytes(chunked);
    this.#journaled = bytes;
    await this.#journaling;
    const chunks = chunked.chunks.slice(0, bytes / chunkSize);
    this.#journaling = watched(writeJournal(this.#temp, { source: this.#source, bytes, chunks }));
  }
}

/**
 * A new file, never the old one emptied: an abandoned worker may still hold that.
 * @throws CacheError CACHE_AWAY when the disk has left since the order was checked: its mount point is there, and empty
 */
export function createAnew(temp: string): number {
  return writing(() => {
    dropPartial(temp);
    const dir = dirname(temp);
    if (!existsSync(dir)) {
      if (!isClaimed(dirname(dir))) throw new CacheError('CACHE_AWAY', 'the cache disk is away');
      mkdirSync(dir);
    }
    return openSync(temp, 'wx+', 0o600);
  });
}

/** Number of reliable bytes: whole chunks from the start, up to the first that does not match. */
async function takeOver(
  fd: number,
  digests: readonly (string | null)[],
  { open, hashes, onChunk }: ResumeOptions & { hashes: CopyHashes },
): Promise<number> {
  const chunk = Buffer.allocUnsafe(chunkSize);
  const original = Buffer.allocUnsafe(chunkSize);
  const isOfSource = async (at: number) => {
    if (open.traits.versioned) return true;
    writing(() => readAt(fd, chunk, at));
    return (await readFully(open, original, at)) === chunkSize && original.equals(chunk);
  };
  if (!(await isOfSource(0))) return 0;
  let at = 0;
  for (const digest of digests) {
    // If chunks came in any order, only those before the first gap are usable here.
    if (digest === null || writing(() => readAt(fd, chunk, at)) < chunkSize || !hashes.accept(chunk, digest)) break;
    at += chunkSize;
    // Lets a cancel arrive.
    await turn();
    onChunk(at);
  }
  return at > 0 && (await isOfSource(at - chunkSize)) ? at : 0;
}

export function isSameSource(a: SourceFile, b: SourceFile): boolean {
  return a.path === b.path && isSameFingerprint(a.fingerprint, b.fingerprint);
}
