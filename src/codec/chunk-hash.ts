import { createXxh128, type StreamHash } from './xxh128.ts';

/** Bytes hashed as one unit, so that damage can be located and an interrupted copy can resume after the last whole chunk. */
export const chunkSize = 8 * 1024 * 1024;

/** Prefix that names the scheme, for later versions. */
const scheme = 'xxh128c8';

/** The hash of a whole whose chunks have these hashes, in order: as `ChunkHash.digest`. */
export async function hashOverChunks(chunks: readonly string[]): Promise<string> {
  const whole = await createXxh128();
  for (const digest of chunks) whole.update(Buffer.from(digest));
  return `${scheme}:${whole.digest()}`;
}

/** Hashes a stream chunk by chunk with XXH3-128; the hash of the whole is the hash over the chunks' hashes. */
export class ChunkHash {
  readonly #chunk: StreamHash;
  readonly #whole: StreamHash;
  #filled = 0;
  readonly chunks: string[] = [];

  static async create(): Promise<ChunkHash> {
    return new ChunkHash(await createXxh128(), await createXxh128());
  }

  private constructor(chunk: StreamHash, whole: StreamHash) {
    this.#chunk = chunk;
    this.#whole = whole;
  }

  /** Bytes hashed so far that belong to whole chunks. */
  get wholeBytes(): number {
    return this.chunks.length * chunkSize;
  }

  update(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const part = rest.subarray(0, chunkSize - this.#filled);
      this.#chunk.update(part);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
      if (this.#filled === chunkSize) this.#endChunk();
    }
  }

  /** Takes over one whole chunk that was hashed before, if its hash still matches. Only between whole chunks. */
  accept(chunk: Uint8Array, digest: string): boolean {
    this.#chunk.update(chunk);
    if (this.#chunk.digest() !== digest) return false;
    this.#note(digest);
    return true;
  }

  /** `xxh128c8:<hex>`. The hasher is spent afterwards. */
  digest(): string {
    if (this.#filled > 0) this.#endChunk();
    return `${scheme}:${this.#whole.digest()}`;
  }

  #endChunk(): void {
    this.#note(this.#chunk.digest());
    this.#filled = 0;
  }

  #note(digest: string): void {
    this.chunks.push(digest);
    this.#whole.update(Buffer.from(digest));
  }
}
