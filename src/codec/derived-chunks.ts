import type { Tensor } from '../weights/safetensors.ts';
import type { NearNumbers } from './base-file.ts';
import type { ChosenBase } from './choose-bases.ts';
import { differenceOf, type EncodedChunk, encodeChunk, encodeDifference } from './chunk-codec.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { crc32 } from './crc32.ts';
import type { Base, Run } from './format.ts';
import { tensorAt } from './tensor-at.ts';

/** Encodes chunks by reference to equal or near bytes of bases, if that is smaller. */
export class DerivedChunks {
  readonly #bases: readonly ChosenBase[];
  readonly #tensors: readonly Tensor[];
  /** The bases in use, in the order of their numbers in the file. */
  readonly #used: ChosenBase[] = [];

  /** @param tensors of the file to encode */
  constructor(bases: readonly ChosenBase[], tensors: readonly Tensor[]) {
    this.#bases = bases;
    this.#tensors = tensors;
  }

  /** The bases that chunks so far are made of. */
  get used(): Base[] {
    return this.#used.map(({ base }) => base.is);
  }

  /** Encodes the chunk in `memory.raw`. @param at its position in the file */
  async encode(memory: ChunkMemory, run: Run, at: number): Promise<EncodedChunk> {
    const bytes = memory.raw.subarray(0, run.size);
    const crc = this.#bases.length === 0 ? 0 : crc32(bytes);
    for (const chosen of this.#bases) {
      const chunk = await chosen.base.equal(bytes, crc);
      if (chunk === null) continue;
      const from = { base: this.#numberOf(chosen), chunk };
      return { chunk: { size: run.size, as: 'same', crc32: crc, from }, bytes: new Uint8Array(), frames: [] };
    }
    const alone = encodeChunk(memory, run);
    const as = differenceOf[run.as];
    const found = as && (await this.#nearest(at, run.size));
    if (!as || !found) return alone;
    const { chosen, near } = found;
    const { length, ...place } = near;
    const kept = { ...alone, bytes: Uint8Array.from(alone.bytes) };
    const difference = encodeDifference(memory, run, { bytes: await chosen.base.numbers(near), type: near.type });
    if (!difference || difference.bytes.length >= kept.bytes.length) return kept;
    const from = { base: this.#numberOf(chosen), ...place };
    return { chunk: { size: run.size, as, crc32: alone.chunk.crc32, from }, ...difference };
  }

  /** The same numbers in the best base that has them. */
  async #nearest(at: number, size: number): Promise<{ chosen: ChosenBase; near: NearNumbers } | null> {
    const tensor = tensorAt(this.#tensors, at);
    for (const chosen of tensor ? this.#bases.filter(({ delta }) => delta) : []) {
      const near = tensor && (await chosen.base.near(tensor, at - tensor.begin, size));
      if (near) return { chosen, near };
    }
    return null;
  }

  #numberOf(chosen: ChosenBase): number {
    const known = this.#used.indexOf(chosen);
    return known >= 0 ? known : this.#used.push(chosen) - 1;
  }
}
