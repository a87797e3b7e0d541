import { closeSync, openSync } from 'node:fs';
import { parseSafetensors, safetensorsJsonSize, type Tensor } from '../weights/safetensors.ts';
import { CompressedFile } from './compressed-file.ts';
import { type Base, type BaseChunk, isDerived } from './format.ts';
import { bytesOf, isNumberType } from './number-types.ts';
import { rangeAt } from './tensor-at.ts';

/** Chunks with these bytes have this key; others may have it too. */
const keyOf = (size: number, crc32: number) => `${size}:${crc32}`;

/** A run of numbers that other files may be close to. */
export interface NearNumbers extends Omit<BaseChunk, 'base'> {
  /** Bytes. */
  length: number;
}

/** A compressed file whose chunks others may be made of. */
export class BaseFile implements Disposable {
  readonly is: Base;
  readonly path: string;
  readonly #fd: number;
  readonly #file: CompressedFile;
  /** Only of chunks that it stores itself. */
  readonly #byKey = new Map<string, number[]>();
  /** Position of each chunk in the original. */
  readonly #places: { begin: number; end: number }[] = [];
  #tensors: ReadonlyMap<string, Tensor> | undefined;

  /**
   * @param path of the file  @param file the same, from the directory of its tier
   * @throws CacheError CORRUPT, BAD_REQUEST; errors of the file system unchanged
   */
  constructor(path: string, file: string) {
    this.path = path;
    this.#fd = openSync(path, 'r');
    try {
      this.#file = new CompressedFile(this.#fd);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    const { size, sha256, chunks } = this.#file.metadata;
    this.is = { file, size, sha256 };
    let begin = 0;
    for (const [index, chunk] of chunks.entries()) {
      if (!isDerived(chunk.as)) {
        const key = keyOf(chunk.size, chunk.crc32);
        this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), index]);
      }
      this.#places.push({ begin, end: begin + chunk.size });
      begin += chunk.size;
    }
  }

  /** The chunk with exactly these bytes, if it has one. @param crc32 of the bytes */
  async equal(bytes: Uint8Array, crc32: number): Promise<number | null> {
    for (const index of this.#byKey.get(keyOf(bytes.length, crc32)) ?? []) {
      if (Buffer.compare(await this.bytes(index), bytes) === 0) return index;
    }
    return null;
  }

  /**
   * The same numbers of the tensor of that name, if it has as many and stores them itself.
   * @param at of the numbers in that tensor, bytes  @param size of the numbers, bytes
   */
  async near(tensor: Tensor, at: number, size: number): Promise<NearNumbers | null> {
    this.#tensors ??= await this.#readTensors();
    const own = this.#tensors.get(tensor.name);
    if (!own || !isNumberType(own.dtype) || !isNumberType(tensor.dtype)) return null;
    const scale = bytesOf[own.dtype] / bytesOf[tensor.dtype];
    if (own.end - own.begin !== scale * (tensor.end - tensor.begin)) return null;
    const place = this.#placeOf(own.begin + scale * at, scale * size);
    return place && { ...place, ...(own.dtype !== tensor.dtype && { type: own.dtype }) };
  }

  /** Null unless the file stores all of them itself. */
  #placeOf(position: number, length: number): Omit<NearNumbers, 'type'> | null {
    const { chunks } = this.#file.metadata;
    const chunk = rangeAt(this.#places, position);
    const last = rangeAt(this.#places, position + length - 1);
    const isStored = chunk >= 0 && last >= chunk && chunks.slice(chunk, last + 1).every(({ as }) => !isDerived(as));
    if (!isStored) return null;
    const skip = position - (this.#places[chunk]?.begin ?? 0);
    return { chunk, length, ...(skip > 0 && { skip }) };
  }

  /** The bytes of a chunk that it stores itself, valid until the next call. */
  bytes(index: number): Promise<Uint8Array> {
    return this.#file.chunk(index);
  }

  /** The bytes of numbers, valid until the next call. */
  numbers({ chunk, skip = 0, length }: NearNumbers): Promise<Uint8Array> {
    return this.#file.stored(chunk, skip, length);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Empty if its header is not stored in it, or is no safetensors header. */
  async #readTensors(): Promise<ReadonlyMap<string, Tensor>> {
    const { chunks, size } = this.#file.metadata;
    let start = Buffer.alloc(0);
    try {
      for (const index of chunks.keys()) {
        start = Buffer.concat([start, await this.bytes(index)]);
        const jsonSize = safetensorsJsonSize(start, size);
        if (jsonSize === null) break;
        if (start.length < 8 + jsonSize) continue;
        return new Map(parseSafetensors(start, size).tensors.map((tensor) => [tensor.name, tensor]));
      }
    } catch {
      // An unreadable file cannot serve as a base.
    }
    return new Map();
  }
}
