import { Crc64, combineCrc64 } from '../codec/crc64.ts';
import type { Proof } from '../sources/driver.ts';
import { assertProven, CopyHashes } from './copy-hashes.ts';
import type { ScatteredFile } from './scattered-file.ts';

/** Sums over a whole file whose chunks come in any order. */
export interface ScatteredSums {
  /** Takes a chunk that was written to the file. */
  took(chunk: number, bytes: Uint8Array): void;
  /** The SHA-256, if it was computed; else null. @throws CacheError HASH_MISMATCH when the bytes do not match a binding proof */
  digest(): string | null;
}

/** Sums that need their bytes in order: they follow up to the first gap of the file, and read again chunks that came too early. */
export class SumsInOrder implements ScatteredSums {
  readonly #file: ScatteredFile;
  readonly #hashes: CopyHashes;
  #next = 0;

  private constructor(file: ScatteredFile, hashes: CopyHashes) {
    this.#file = file;
    this.#hashes = hashes;
    this.#goOn();
  }

  /** @param identity whether to compute SHA-256 */
  static async of(file: ScatteredFile, { identity, proof }: { identity: boolean; proof: Proof | null }): Promise<SumsInOrder> {
    return new SumsInOrder(file, await CopyHashes.create(identity, proof));
  }

  took(chunk: number, bytes: Uint8Array): void {
    if (chunk !== this.#next) return;
    this.#hashes.update(bytes);
    this.#next += 1;
    this.#goOn();
  }

  digest(): string | null {
    return this.#hashes.digest().sha256;
  }

  #goOn(): void {
    while (this.#file.has(this.#next)) this.#hashes.update(this.#file.read(this.#next++));
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

  digest(): null {
    let whole = new Crc64().digest();
    for (let chunk = 0; chunk < this.#crcs.size; chunk += 1) {
      const part = this.#crcs.get(chunk);
      if (part === undefined) throw new Error(`chunk ${chunk} is missing`);
      whole = combineCrc64(whole, part.crc, part.length);
    }
    assertProven(this.#proof, whole);
    return null;
  }
}
