import { hugeMemory } from '../runtime/huge-pages.ts';
import { pageAligned, pageBytes } from '../runtime/uncached.ts';
import {
  add,
  add64,
  type Code,
  constant,
  get,
  isBelow,
  load,
  multiply64,
  multiplyLow32,
  repeat,
  set,
  shiftLanes,
  shuffle,
  store,
  type WasmFunction,
  xor,
} from './wasm-module.ts';
import { type WasmMemory, WasmProgram } from './wasm-program.ts';

/**
 * The inner loop of XXH3 with 128-bit vectors. It adds each stripe of the input, under a key, to eight lanes of 64 bits, and
 * scrambles the lanes after each block. Specification and constants: doc/xxhash_spec.md of the xxHash project, "XXH3 algorithm for
 * long inputs".
 */
export const stripeBytes = 64;
export const blockBytes = 1024;
/** The key of a block's stripe n begins 8 n bytes into it. */
export const secret = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221' +
    'b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb' +
    '170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);
const scrambleFactor = 0x9e3779b1;

/** Addresses in the memory; the bytes to hash begin at its second page. */
const place = { lanes: 0, secret: 64, factor: 256, bytes: pageBytes };

interface Exports {
  /** Adds the stripes from `data` to `end`, the first under the key at `key`. */
  stripes(key: number, data: number, end: number): void;
  /** The same for whole blocks; scrambles the lanes after each. */
  blocks(key: number, data: number, end: number): void;
}

const program = new WasmProgram<Exports>(() => [
  onLanes('stripes', stripesUntil(get(end))),
  onLanes(
    'blocks',
    repeat(
      [...set(blockEnd, add(get(data), constant(blockBytes))), ...stripesUntil(get(blockEnd)), ...scramble],
      isBelow(get(data), get(end)),
    ),
  ),
]);

const [key, data, end, blockEnd, ownKey] = [0, 1, 2, 3, 4];
const lanes = [5, 6, 7, 8];
const [input, mixed, factor] = [9, 10, 11];

/** A function between taking the lanes from memory and putting them back. */
function onLanes(name: string, body: Code): WasmFunction {
  const at = constant(place.lanes);
  const take = lanes.flatMap((pair, i) => set(pair, load(at, 16 * i)));
  const putBack = lanes.flatMap((pair, i) => store(at, 16 * i, get(pair)));
  const takeFactor = set(factor, load(constant(place.factor)));
  return { name, parameters: 3, locals: { i32: 2, v128: 7 }, body: [...take, ...takeFactor, ...body, ...putBack] };
}

function stripesUntil(limit: Code): Code {
  const lowHalves = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
  const highHalves = lowHalves.map((lane) => lane + 4);
  const otherLane = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
  const pick = (local: number, bytes: number[]) => shuffle(get(local), get(local), bytes);
  const stripe = lanes.flatMap((pair, i) => [
    ...set(input, load(get(data), 16 * i)),
    ...set(mixed, xor(get(input), load(get(ownKey), 16 * i))),
    ...set(pair, add64(get(pair), pick(input, otherLane))),
    ...set(pair, add64(get(pair), multiplyLow32(pick(mixed, lowHalves), pick(mixed, highHalves)))),
  ]);
  const next = [...set(data, add(get(data), constant(stripeBytes))), ...set(ownKey, add(get(ownKey), constant(8)))];
  return [...set(ownKey, get(key)), ...repeat([...stripe, ...next], isBelow(get(data), limit))];
}

const scramble: Code = lanes.flatMap((pair, i) => {
  const shifted = xor(get(pair), shiftLanes.right(8, get(pair), 47));
  return set(pair, multiply64(xor(shifted, load(constant(place.secret + secret.length - stripeBytes), 16 * i)), get(factor)));
});

/** Memory whose bytes are hashed in place. */
export class Xxh3Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For other programs, that touch `bytes` only. */
  readonly memory: WasmMemory;
  readonly #lanes: BigUint64Array;
  readonly #exports: Exports;

  /** Null where the runtime has no such instructions. */
  static create(size: number): Xxh3Memory | null {
    const instance = program.over(place.bytes + size);
    return instance && new Xxh3Memory(instance, size);
  }

  private constructor({ memory, bytes, exports }: NonNullable<ReturnType<typeof program.over>>, size: number) {
    this.memory = memory;
    this.bytes = bytes.subarray(place.bytes, place.bytes + size);
    memories.set(bytes.buffer, this);
    this.#lanes = new BigUint64Array(bytes.buffer, place.lanes, 8);
    this.#exports = exports;
    bytes.set(secret, place.secret);
    new BigUint64Array(bytes.buffer, place.factor, 2).fill(BigInt(scrambleFactor));
  }

  /** @param to the lanes  @param part whole blocks in the memory */
  addBlocks(to: BigUint64Array, part: Uint8Array): void {
    this.#add(to, part, (from, until) => this.#exports.blocks(place.secret, from, until));
  }

  /** @param key where the first stripe's key begins in the secret  @param part whole stripes of one block, in the memory */
  addStripes(to: BigUint64Array, key: number, part: Uint8Array): void {
    this.#add(to, part, (from, until) => this.#exports.stripes(place.secret + key, from, until));
  }

  #add(to: BigUint64Array, part: Uint8Array, add: (from: number, until: number) => void): void {
    if (part.length === 0) return;
    this.#lanes.set(to);
    add(part.byteOffset, part.byteOffset + part.length);
    to.set(this.#lanes);
  }
}

const memories = new WeakMap<ArrayBufferLike, Xxh3Memory>();

/** By its buffer, all memory that may be given back. */
const returnable = new WeakMap<ArrayBufferLike, Uint8Array>();
/** The memory that was given back last, until garbage is collected. */
let spare: WeakRef<Uint8Array> | undefined;

/**
 * A buffer for reads and writes past the page cache, with any contents. In huge pages, where there are any, for that saves more than
 * hashing in place. Memory that was given back is used again: the kernel would clear and map new memory page by page.
 */
export function hashableMemory(size: number): Uint8Array {
  const kept = spare?.deref();
  if (kept && kept.length >= size) {
    spare = undefined;
    return kept.subarray(0, size);
  }
  const memory = hugeMemory(size) ?? Xxh3Memory.create(size)?.bytes ?? pageAligned(size);
  returnable.set(memory.buffer, memory);
  return memory.subarray(0, size);
}

/** Takes back, once, a buffer from `hashableMemory` that nothing reads or writes any more. */
export function giveBack(bytes: Uint8Array): void {
  const memory = returnable.get(bytes.buffer);
  if (memory) spare = new WeakRef(memory);
}

/** The memory that these bytes lie in, if they can be hashed there. */
export function memoryOf(bytes: Uint8Array): Xxh3Memory | undefined {
  return memories.get(bytes.buffer);
}
