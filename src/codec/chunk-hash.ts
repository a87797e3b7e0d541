import { createXXHash128, type IHasher } from 'hash-wasm';

/** Bytes hashed on their own, so that damage can be located and an interrupted copy can go on from the last whole chunk. */
export const chunkSize = 8 * 1024 * 1024;

/** Prefix that tells later versions how the hash was made. */
const scheme = 'xxh128c8';

/** Hashes a stream chunk by chunk with XXH3-128; the hash of the whole is the hash over the chunks' hashes. */
export class ChunkHash {
  readonly #chunk: IHasher;
  readonly #whole: IHasher;
  #filled = 0;
  readonly chunks: string[] = [];

  static async create(): Promise<ChunkHash> {
    return new ChunkHash(await createXXHash128(), await createXXHash128());
  }

  private constructor(chunk: IHasher, whole: IHasher) {
    this.#chunk = chunk.init();
    this.#whole = whole.init();
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

  /** Takes over one whole chunk that was hashed before, if it still is what it was. Only between whole chunks. */
  accept(chunk: Uint8Array, digest: string): boolean {
    const same = this.#chunk.update(chunk).digest('hex') === digest;
    this.#chunk.init();
    if (!same) return false;
    this.chunks.push(digest);
    this.#whole.update(digest);
    return true;
  }

  /** `xxh128c8:<hex>`. The hasher is spent afterwards. */
  digest(): string {
    if (this.#filled > 0) this.#endChunk();
    return `${scheme}:${this.#whole.digest('hex')}`;
  }

  #endChunk(): void {
    const digest = this.#chunk.digest('hex');
    this.chunks.push(digest);
    this.#whole.update(digest);
    this.#chunk.init();
    this.#filled = 0;
  }
}
