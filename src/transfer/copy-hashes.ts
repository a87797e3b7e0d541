import { createHash, type Hash } from 'node:crypto';
import { ChunkHash } from '../codec/chunk-hash.ts';

/** SHA-256 costs no time while the copy waits for the source at least this share of the time. */
const spareShare = 0.15;
/**
 * SHA-256 takes several times the processor time of the rest of a copy. For sources faster than hard disks, in bytes per second, it
 * would take much of a core: there the scrub computes it, at its own slow pace.
 */
const fastestIdentified = 320e6;
/** Bytes measured before each decision: the first may come from a cache, and one wait proves nothing. */
const judgedBytes = 32 * 1024 * 1024;

/** The time spent waiting for a block, and that spent hashing and writing it. */
interface BlockTimes {
  bytes: number;
  waitedMs: number;
  workedMs: number;
}

/** The hashes of a copy under way: always the chunks', and SHA-256 while it costs little. */
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

  /** Takes over a chunk of an interrupted copy, if its hash still matches. */
  accept(chunk: Uint8Array, digest: string): boolean {
    if (!this.chunked.accept(chunk, digest)) return false;
    this.#identity?.update(chunk);
    return true;
  }

  /** Drops SHA-256 when the source leaves no time for it, or is too fast. */
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
