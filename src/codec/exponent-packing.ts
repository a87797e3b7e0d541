import type { ChunkMemory } from './chunk-memory.ts';
import { corrupt } from './corrupt.ts';
import { elementsPerEscape, escapeBytes, type Pairs } from './format.ts';

/** Elements sampled to judge a chunk. Elements unlike the sample are still stored well enough. */
const sampled = 8192;
/** `nibbles` may be larger than the bytes they replace by this factor. */
const priceOfNibbles = 1.02;
/** Exponents that a half byte can hold; its sixteenth value marks all others. */
const inReach = 15;

/**
 * Packs `exponents`, an even number of them, into `memory.packed`, followed by the list of those that do not fit.
 * @returns null when too many do not fit
 */
export function packPairs(memory: ChunkMemory, exponents: Uint8Array): Pairs | null {
  const { kernels, packed, flags } = memory;
  const base = chooseBase(exponents);
  kernels.pack(exponents.byteOffset, packed.byteOffset, flags.byteOffset, base, exponents.length);
  const escapes = findEscapes(exponents, flags.subarray(0, Math.ceil(exponents.length / 32)), base);
  if (!escapes) return null;
  const list = listOf(packed, exponents.length, escapes.length);
  for (const [k, index] of escapes.entries()) {
    list.setUint32(4 * k, index, true);
    list.setUint8(4 * escapes.length + k, exponents[index] ?? 0);
  }
  return { base, escapes: escapes.length };
}

/**
 * Gives the elements that do not fit their exponents, in the merged elements of a chunk: the eight bits below the sign.
 * @throws CacheError CORRUPT when the list names a missing element
 */
export function placeEscapes(
  { packed }: ChunkMemory,
  elements: Uint8Array,
  { width, escapes }: { width: number; escapes: number },
): void {
  const count = elements.length / width;
  const list = listOf(packed, count, escapes);
  const view = new DataView(elements.buffer, elements.byteOffset, elements.length);
  for (let k = 0; k < escapes; k++) {
    const index = list.getUint32(4 * k, true);
    if (index >= count) throw corrupt('a chunk lists an element behind its end');
    const top = index * width + width - 2;
    view.setUint16(top, (view.getUint16(top, true) & 0x807f) | (list.getUint8(4 * escapes + k) << 7), true);
  }
}

/** The list of escapes behind the pairs of `count` exponents. */
function listOf(packed: Uint8Array, count: number, escapes: number): DataView {
  return new DataView(packed.buffer, packed.byteOffset + count / 2, escapes * escapeBytes);
}

/**
 * Whether storing the exponents of fp8 apart from the mantissas pays. It does not for small weights cast without a scale: most are
 * denormal or zero there, and their mantissas are more than noise.
 */
export function worthNibbles(elements: Uint8Array): boolean {
  const histogram = histogramOf(elements);
  const exponents = new Uint32Array(16);
  for (const [element, count] of histogram.entries()) {
    const exponent = (element >> 3) & 15;
    exponents[exponent] = (exponents[exponent] ?? 0) + count;
  }
  return entropy(exponents) + 4 < priceOfNibbles * entropy(histogram);
}

/** Bits that one element takes, coded on its own. */
function entropy(histogram: Uint32Array): number {
  const all = histogram.reduce((sum, count) => sum + count, 0);
  return histogram.reduce((bits, count) => (count ? bits - (count / all) * Math.log2(count / all) : bits), 0);
}

/** Counts the sampled bytes by value. */
function histogramOf(bytes: Uint8Array): Uint32Array {
  const histogram = new Uint32Array(256);
  const step = Math.max(1, Math.floor(bytes.length / sampled));
  for (let i = 0; i < bytes.length; i += step) {
    const value = bytes[i] ?? 0;
    histogram[value] = (histogram[value] ?? 0) + 1;
  }
  return histogram;
}

/** The start of the fifteen neighbouring exponents that cover most elements. */
function chooseBase(exponents: Uint8Array): number {
  const histogram = histogramOf(exponents);
  let best = { base: 0, covered: -1 };
  for (let base = 0; base <= 256 - inReach; base++) {
    const covered = histogram.subarray(base, base + inReach).reduce((sum, count) => sum + count, 0);
    if (covered > best.covered) best = { base, covered };
  }
  return best.base;
}

/** Indices of the elements out of reach; null when there are too many. `flags` has a 1 for every 32 elements that include one. */
function findEscapes(exponents: Uint8Array, flags: Uint8Array, base: number): number[] | null {
  const escapes: number[] = [];
  const limit = Math.floor(exponents.length / elementsPerEscape);
  for (let group = flags.indexOf(1); group >= 0; group = flags.indexOf(1, group + 1)) {
    const end = Math.min(32 * group + 32, exponents.length);
    for (let i = 32 * group; i < end; i++) {
      if ((((exponents[i] ?? 0) - base) & 0xff) >= inReach) escapes.push(i);
    }
    if (escapes.length > limit) return null;
  }
  return escapes;
}
