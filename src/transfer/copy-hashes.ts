import { createHash } from 'node:crypto';
import { ChunkHash } from '../codec/chunk-hash.ts';
import { Crc64 } from '../codec/crc64.ts';
import { CacheError } from '../core/errors.ts';
import type { Proof } from '../sources/driver.ts';

/** Minimum share of the time that the copy must wait for the source, so that SHA-256 costs no time. */
const spareShare = 0.15;
/**
 * Maximum speed of a source for computing SHA-256, bytes per second. It takes several times the processor time of the rest of a copy,
 * and for faster sources much of a core: there the scrub computes it, at its own slow pace.
 */
const fastestIdentified = 320e6;
/** Bytes measured before each decision: the first may come from a cache, and one wait proves nothing. */
const judgedBytes = 32 * 1024 * 1024;
/** The same for the first decision about a source clearly faster than that: no hard disk is, and each MiB more costs processor time. */
const glancedBytes = 8 * 1024 * 1024;
const clearly = 1.25;

/** The time spent waiting for a block, and that spent hashing and writing it. */
interface BlockTimes {
  bytes: number;
  waitedMs: number;
  workedMs: number;
}

interface StreamSum {
  update(bytes: Uint8Array): unknown;
  /** Lower-case hex. */
  digest(): string;
}

/** The hashes of a running copy: always the chunks', SHA-256 while it costs little, and that of its source's proof. */
export class CopyHashes {
  readonly chunked: ChunkHash;
  readonly #proof: Proof | null;
  /** The sum of the proof, unless that is a SHA-256. */
  readonly #sum: StreamSum | null;
  #identity: StreamSum | null;
  #judged: BlockTimes = { bytes: 0, waitedMs: 0, workedMs: 0 };
  #hasJudged = false;

  /** @param identity whether to compute SHA-256 too  @param proof a published checksum of the source */
  static async create(identity: boolean, proof: Proof | null = null): Promise<CopyHashes> {
    return new CopyHashes(await ChunkHash.create(), identity, proof);
  }

  private constructor(chunked: ChunkHash, identity: boolean, proof: Proof | null) {
    this.chunked = chunked;
    this.#proof = proof;
    this.#identity = identity || proof?.kind === 'sha256' ? sumOf('sha256') : null;
    this.#sum = proof === null || proof.kind === 'sha256' ? null : sumOf(proof.kind);
  }

  update(bytes: Uint8Array): void {
    this.chunked.update(bytes);
    this.#identity?.update(bytes);
    this.#sum?.update(bytes);
  }

  /** Takes over a chunk of an interrupted copy, if its hash still matches. */
  accept(chunk: Uint8Array, digest: string): boolean {
    if (!this.chunked.accept(chunk, digest)) return false;
    this.#identity?.update(chunk);
    this.#sum?.update(chunk);
    return true;
  }

  /** Drops SHA-256 when the source leaves no time for it, or is too fast. */
  judge({ bytes, waitedMs, workedMs }: BlockTimes): void {
    const sum = this.#judged;
    sum.bytes += bytes;
    sum.waitedMs += waitedMs;
    sum.workedMs += workedMs;
    if (this.#proof?.kind === 'sha256') return;
    const ms = sum.waitedMs + sum.workedMs;
    const timesTooFast = sum.bytes / ms / (fastestIdentified / 1000);
    const enough = !this.#hasJudged && timesTooFast > clearly ? glancedBytes : judgedBytes;
    if (sum.bytes < enough) return;
    if (sum.waitedMs < spareShare * ms || timesTooFast > 1) this.#identity = null;
    this.#hasJudged = true;
    this.#judged = { bytes: 0, waitedMs: 0, workedMs: 0 };
  }

  /** @throws CacheError HASH_MISMATCH when the bytes do not match a binding proof */
  digest(): { hash: string; chunks: string[]; sha256: string | null } {
    const hash = this.chunked.digest();
    const sha256 = this.#identity?.digest() ?? null;
    assertProven(this.#proof, this.#sum?.digest() ?? sha256);
    return { hash, chunks: this.chunked.chunks, sha256 };
  }
}

/** @throws CacheError HASH_MISMATCH when the found value differs from a binding proof */
export function assertProven(proof: Proof | null, found: string | null): void {
  if (!proof?.binding || found === proof.value) return;
  const { kind, from, value } = proof;
  throw new CacheError('HASH_MISMATCH', `${from} tells the ${kind} ${value}, and the bytes that came have ${found}`, {
    hint: 'They were changed on the way, or the object is damaged where it lies. Nothing of them is kept; try again.',
  });
}

function sumOf(kind: Proof['kind']): StreamSum {
  if (kind === 'crc64nvme') return new Crc64();
  const hash = createHash(kind);
  return { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') };
}
