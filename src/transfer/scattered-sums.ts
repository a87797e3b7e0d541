import { setImmediate as turn } from 'node:timers/promises';
import { Crc64, combineCrc64 } from '../codec/crc64.ts';
import type { Proof } from '../sources/driver.ts';
import { assertProven, CopyHashes } from './copy-hashes.ts';
import type { ScatteredFile } from './scattered-file.ts';

/** Sums over a whole file whose chunks come in any order. */
export interface ScatteredSums {
  /**
   * Takes a chunk.
   * @param file has it and those before; absent while an interrupted copy is taken over, whose chunks come in order
   */
  took(chunk: number, bytes: Uint8Array, file?: Chunks): void;
  /** The SHA-256, if it was computed; else null. @throws CacheError HASH_MISMATCH when the bytes do not match a binding proof */
  digest(): Promise<string | null>;
  /** Resolves when it reads nothing any more. */
  end(): Promise<void>;
}

type Chunks = Pick<ScatteredFile, 'has' | 'read'>;

interface SumsInOrderOptions {
  /** Whether to compute SHA-256. */
  identity: boolean;
  proof: Proof | null;
  /** Called with each chunk. */
  onChunk(): void;
}

/**
 * Sums that need their bytes in order: they follow up to the first gap of the file, and read again chunks that came too early. When a
 * gap closes there may be gigabytes of these, so they are read beside the copy: other hosts take one that is silent for dead.
 */
export class SumsInOrder implements ScatteredSums {
  readonly #hashes: CopyHashes;
  readonly #onChunk: () => void;
  #next = 0;
  #catchingUp: Promise<void> | null = null;
  #isEnded = false;

  private constructor(hashes: CopyHashes, onChunk: () => void) {
    this.#hashes = hashes;
    this.#onChunk = onChunk;
  }

  static async of({ identity, proof, onChunk }: SumsInOrderOptions): Promise<SumsInOrder> {
    return new SumsInOrder(await CopyHashes.create(identity, proof), onChunk);
  }

  took(chunk: number, bytes: Uint8Array, file?: Chunks): void {
    if (this.#catchingUp || chunk !== this.#next) return;
    this.#add(bytes);
    if (!file?.has(this.#next)) return;
    this.#catchingUp = this.#catchUp(file);
    // Reported by `digest`.
    this.#catchingUp.catch(() => {});
  }

  async digest(): Promise<string | null> {
    await this.#catchingUp;
    return this.#hashes.digest().sha256;
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#catchingUp?.catch(() => {});
  }

  async #catchUp(file: Chunks): Promise<void> {
    while (file.has(this.#next) && !this.#isEnded) {
      this.#add(file.read(this.#next));
      await turn();
    }
    this.#catchingUp = null;
  }

  #add(bytes: Uint8Array): void {
    this.#hashes.update(bytes);
    this.#next += 1;
    this.#onChunk();
  }
}

/** The CRC-64/NVME of a file, combined from those of its chunks without reading any again. */
export class CrcOfChunks implements ScatteredSums {
  readonly #proof: Proof;
  readonly #crcs = new Map<number, { crc: string; length: number }>();

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  took(chunk: number, bytes: Uint8Array): void {
    const crc = new Crc64();
    crc.update(bytes);
    this.#crcs.set(chunk, { crc: crc.digest(), length: bytes.length });
  }

  async digest(): Promise<null> {
    let whole = new Crc64().digest();
    for (let chunk = 0; chunk < this.#crcs.size; chunk += 1) {
      const part = this.#crcs.get(chunk);
      if (part === undefined) throw new Error(`chunk ${chunk} is missing`);
      whole = combineCrc64(whole, part.crc, part.length);
    }
    assertProven(this.#proof, whole);
    return null;
  }

  async end(): Promise<void> {}
}
