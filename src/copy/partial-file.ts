import { closeSync, constants, fdatasync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { chunkSize } from '../codec/chunk-hash.ts';
import type { Fingerprint } from '../core/types.ts';
import { dropPartial, keepPartial, readJournal, writeJournal } from '../tiers/partial.ts';
import type { SealFile } from '../tiers/seal-file.ts';
import { CopyHashes } from './copy-hashes.ts';
import { reading, writeError, writing } from './io-errors.ts';

/**
 * Between two checkpoints. One is always on its way to the disk while the next is filled, so that an interrupted copy reads less
 * than two of them again, and no more than two lie in memory unwritten: a copy that leaves gigabytes of dirty pages to its last
 * fsync makes every other program's small writes wait for them.
 */
const checkpointBytes = 3 * chunkSize;

interface ResumeOptions {
  sourceFd: number;
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
  readonly #source: SealFile['source'];
  readonly #fd: number;
  /** Up to where there is a checkpoint, made or on its way. */
  #marked: number;
  #syncing: Promise<void> = Promise.resolve();

  private constructor(temp: string, source: SealFile['source'], opened: { fd: number; at: number }) {
    this.#temp = temp;
    this.#source = source;
    this.#fd = opened.fd;
    this.#marked = opened.at;
  }

  /**
   * Goes on with what an interrupted copy left, or begins anew. Every byte that is taken over is read again from the cache's own
   * disk and compared with the journal; the first and the last of those chunks are read from the source too, so that a file that
   * was rewritten under its old size and time is not continued with another one's end.
   */
  static async open(temp: string, source: SealFile['source'], options: ResumeOptions): Promise<Opened> {
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
    // A new file, never the old one emptied: a worker that was left behind may still hold that.
    const fd = writing(() => {
      dropPartial(temp);
      mkdirSync(dirname(temp), { recursive: true });
      return openSync(temp, 'wx', 0o600);
    });
    return { file: new PartialFile(temp, source, { fd, at: 0 }), at: 0, hashes: await CopyHashes.create(options.identity) };
  }

  write(bytes: Uint8Array, position: number): void {
    writing(() => {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(this.#fd, bytes, written, bytes.length - written, position + written);
      }
    });
  }

  /** Sends what was written to the disk and notes it, once enough has come together. Waits for the checkpoint before. */
  async checkpoint({ chunked }: CopyHashes): Promise<void> {
    const bytes = chunked.wholeBytes;
    if (bytes - this.#marked < checkpointBytes) return;
    this.#marked = bytes;
    await this.#syncing;
    const journal = { version: 1 as const, source: this.#source, bytes, chunks: [...chunked.chunks] };
    this.#syncing = promisify(fdatasync)(this.#fd)
      .then(() => writeJournal(this.#temp, journal))
      .catch((error) => {
        throw writeError(error);
      });
    // Whoever awaits it next sees the failure; until then it is no unhandled one.
    this.#syncing.catch(() => {});
  }

  /** @throws CacheError when the last checkpoint failed; the file is closed all the same. */
  async close(): Promise<void> {
    try {
      // The file must not be closed under a sync that still runs.
      await this.#syncing;
    } finally {
      closeSync(this.#fd);
    }
  }
}

/** How many bytes can be relied on: whole chunks, from the start, up to the first that is not what it was. */
async function takeOver(
  fd: number,
  digests: readonly string[],
  { sourceFd, hashes, onChunk }: ResumeOptions & { hashes: CopyHashes },
): Promise<number> {
  const chunk = Buffer.allocUnsafe(chunkSize);
  const original = Buffer.allocUnsafe(chunkSize);
  const isOfSource = (at: number) => {
    writing(() => readFully(fd, chunk, at));
    return reading(() => readFully(sourceFd, original, at)) === chunkSize && original.equals(chunk);
  };
  if (!isOfSource(0)) return 0;
  let at = 0;
  for (const digest of digests) {
    if (writing(() => readFully(fd, chunk, at)) < chunkSize || !hashes.accept(chunk, digest)) break;
    at += chunkSize;
    // Lets a cancel in.
    await turn();
    onChunk(at);
  }
  return at > 0 && isOfSource(at - chunkSize) ? at : 0;
}

function readFully(fd: number, buffer: Buffer, position: number): number {
  let filled = 0;
  for (let length = 1; length > 0 && filled < buffer.length; filled += length) {
    length = readSync(fd, buffer, filled, buffer.length - filled, position + filled);
  }
  return filled;
}

function isSame(a: SealFile['source'], b: SealFile['source']): boolean {
  return a.path === b.path && isSameFingerprint(a.fingerprint, b.fingerprint);
}

function isSameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && (a.ino === null || b.ino === null || a.ino === b.ino);
}
