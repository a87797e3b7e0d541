import { closeSync, openSync } from 'node:fs';
import { parseSafetensors, safetensorsJsonSize, type Tensor } from '../weights/safetensors.ts';
import { CompressedFile } from './compressed-file.ts';
import { type Base, isDerived } from './format.ts';

/** Chunks with these bytes have this key; others may have it too. */
const keyOf = (size: number, crc32: number) => `${size}:${crc32}`;

/** A compressed file whose chunks others may be made of. */
export class BaseFile implements Disposable {
  readonly is: Base;
  readonly path: string;
  readonly #fd: number;
  readonly #file: CompressedFile;
  /** Only of chunks that it stores itself. */
  readonly #byKey = new Map<string, number[]>();
  readonly #byPosition = new Map<number, number>();
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
    let position = 0;
    for (const [index, chunk] of chunks.entries()) {
      if (!isDerived(chunk.as)) {
        const key = keyOf(chunk.size, chunk.crc32);
        this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), index]);
        this.#byPosition.set(position, index);
      }
      position += chunk.size;
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
   * The chunk at the same place of the tensor of that name, type and size, if it has one of `size` bytes there.
   * @param at of the chunk in that tensor
   */
  async near(tensor: Tensor, at: number, size: number): Promise<number | null> {
    this.#tensors ??= await this.#readTensors();
    const own = this.#tensors.get(tensor.name);
    if (own?.dtype !== tensor.dtype || own.end - own.begin !== tensor.end - tensor.begin) return null;
    const index = this.#byPosition.get(own.begin + at);
    return index !== undefined && this.#file.metadata.chunks[index]?.size === size ? index : null;
  }

  /** The bytes of a chunk that it stores itself, valid until the next call. */
  bytes(index: number): Promise<Uint8Array> {
    return this.#file.chunk(index);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** None where its header is not stored in it, or is none. */
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
      // What cannot be read helps nothing.
    }
    return new Map();
  }
}
