/** The chunks of a content that a host has: a bit for each, in the form that peers and the directory exchange. */
export class ChunkSet {
  readonly chunks: number;
  readonly #bits: Uint8Array;
  #count = 0;

  constructor(chunks: number) {
    this.chunks = chunks;
    this.#bits = new Uint8Array(Math.ceil(chunks / 8));
  }

  static all(chunks: number): ChunkSet {
    const set = new ChunkSet(chunks);
    for (let chunk = 0; chunk < chunks; chunk++) set.add(chunk);
    return set;
  }

  /** @param bytes a set's `bytes()`, perhaps from a stranger: bits past the last chunk and missing ones count as absent */
  static from(bytes: Uint8Array, chunks: number): ChunkSet {
    const set = new ChunkSet(chunks);
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (((bytes[chunk >> 3] ?? 0) >> (chunk & 7)) & 1) set.add(chunk);
    }
    return set;
  }

  get size(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.chunks;
  }

  has(chunk: number): boolean {
    return ((this.#bits[chunk >> 3] ?? 0) >> (chunk & 7)) % 2 === 1;
  }

  /** @returns false when it was there already, or is no chunk of this content */
  add(chunk: number): boolean {
    if (!Number.isInteger(chunk) || chunk < 0 || chunk >= this.chunks || this.has(chunk)) return false;
    this.#bits[chunk >> 3] = (this.#bits[chunk >> 3] ?? 0) | (1 << (chunk & 7));
    this.#count++;
    return true;
  }

  /** @returns false when it was absent */
  delete(chunk: number): boolean {
    if (!this.has(chunk)) return false;
    this.#bits[chunk >> 3] = (this.#bits[chunk >> 3] ?? 0) & ~(1 << (chunk & 7));
    this.#count--;
    return true;
  }

  /** Its chunks, ascending. */
  *[Symbol.iterator](): Iterator<number> {
    for (let chunk = 0; chunk < this.chunks; chunk++) if (this.has(chunk)) yield chunk;
  }

  bytes(): Uint8Array {
    return this.#bits.slice();
  }
}
