import { createHash, type Hash } from 'node:crypto';
import { ChunkHash } from '../codec/chunk-hash.ts';

/** Reading faster than this, in bytes per second, would wait for SHA-256. */
const identityBelow = 400e6;
/** How many bytes to judge that by: the first may come from a cache. */
const judgedAfter = 128 * 1024 * 1024;

/** The hashes made of a copy on its way: always the chunks', and SHA-256 for as long as it costs no time. */
export class CopyHashes {
  readonly chunked: ChunkHash;
  #identity: Hash | null;

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

  /** Gives SHA-256 up when the source turns out to be faster than it. */
  judge(bytesRead: number, readMs: number): void {
    if (bytesRead >= judgedAfter && bytesRead > (readMs / 1000) * identityBelow) this.#identity = null;
  }

  digest(): { hash: string; chunks: string[]; sha256: string | null } {
    const hash = this.chunked.digest();
    return { hash, chunks: this.chunked.chunks, sha256: this.#identity?.digest('hex') ?? null };
  }
}
