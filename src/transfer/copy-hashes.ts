import { createHash, type Hash } from 'node:crypto';
import { ChunkHash } from '../codec/chunk-hash.ts';

/** SHA-256 costs no time while at least this part of the time is spent waiting for the source. */
const spareShare = 0.15;
/**
 * It takes several times the processor time of all the rest of a copy. From what is faster than hard disks and their like, bytes per
 * second, it would be a good part of a core: there the scrub makes it, at its own slow pace.
 */
const fastestIdentified = 320e6;
/** How many bytes to judge that by: the first may come from a cache, and a single wait says nothing. */
const judgedBytes = 32 * 1024 * 1024;

/** What became of a block: how long it was waited for, and how long hashing and writing it took. */
interface BlockTimes {
  bytes: number;
  waitedMs: number;
  workedMs: number;
}

/** The hashes made of a copy on its way: always the chunks', and SHA-256 for as long as it costs little. */
export class CopyHashes {
  readonly chunked: ChunkHash;
  #identity: Hash | null;
  #judged: BlockTimes = { bytes: 0, waitedMs: 0, workedMs: 0 };

  static async create(identity: boolean): Promise<CopyHashes> {
    return new CopyHashes(await ChunkHash.create(), identity ? createHash('sha256') : null);
  }

  private constructor(chunked: ChunkHash, identity: Hash | null) {
    this.chunked = chunked;
    this.#identity = identity;
  }

  update(bytes: Uint8Array): void {
    this.chunked.update(bytes);
    this.#identity?.update(bytes);
  }

  /** Takes over a chunk of an interrupted copy, if it has the hash that it had. */
  accept(chunk: Uint8Array, digest: string): boolean {
    if (!this.chunked.accept(chunk, digest)) return false;
    this.#identity?.update(chunk);
    return true;
  }

  /** Gives SHA-256 up when the source does not leave the time for it, or is too fast. */
  judge({ bytes, waitedMs, workedMs }: BlockTimes): void {
    const sum = this.#judged;
    sum.bytes += bytes;
    sum.waitedMs += waitedMs;
    sum.workedMs += workedMs;
    if (sum.bytes < judgedBytes) return;
    const ms = sum.waitedMs + sum.workedMs;
    if (sum.waitedMs < spareShare * ms || sum.bytes / ms > fastestIdentified / 1000) this.#identity = null;
    this.#judged = { bytes: 0, waitedMs: 0, workedMs: 0 };
  }

  digest(): { hash: string; chunks: string[]; sha256: string | null } {
    const hash = this.chunked.digest();
    return { hash, chunks: this.chunked.chunks, sha256: this.#identity?.digest('hex') ?? null };
  }
}
