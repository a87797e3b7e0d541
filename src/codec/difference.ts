import type { DerivedTransform } from './format.ts';

/** Where the exponent begins in the bits of a number, and its bits. */
const exponents: Record<Exclude<DerivedTransform, 'same'>, { at: number; mask: number }> = {
  delta2: { at: 10, mask: 0x1f },
  delta2r: { at: 7, mask: 0xff },
};
export type Difference = keyof typeof exponents;

/** The two bytes of each difference, in the order of the base's exponents. */
export type DifferencePlanes = readonly [low: Uint8Array, high: Uint8Array];

/**
 * Writes the differences of numbers of 16 bits from those of a base. Numbers are put in the order of their value (negative ones
 * reversed, then positive ones), where a small change of a value is a small difference, also over a power of two. The sign goes into
 * the lowest bit.
 */
export function takeDifference(as: Difference, numbers: Uint16Array, base: Uint16Array, [low, high]: DifferencePlanes): void {
  const { at, mask } = exponents[as];
  const places = placesOf(as, base);
  for (let i = 0; i < numbers.length; i++) {
    const a = base[i] ?? 0;
    const distance = ((orderOf(numbers[i] ?? 0) - orderOf(a)) << 16) >> 16;
    const coded = (distance << 1) ^ (distance >> 15);
    const exponent = (a >>> at) & mask;
    const place = places[exponent] ?? 0;
    places[exponent] = place + 1;
    low[place] = coded;
    high[place] = coded >>> 8;
  }
}

/** The reverse: `numbers` become those that the differences were taken of. */
export function addDifference(as: Difference, numbers: Uint16Array, base: Uint16Array, [low, high]: DifferencePlanes): void {
  const { at, mask } = exponents[as];
  const places = placesOf(as, base);
  for (let i = 0; i < numbers.length; i++) {
    const a = base[i] ?? 0;
    const exponent = (a >>> at) & mask;
    const place = places[exponent] ?? 0;
    places[exponent] = place + 1;
    const coded = (low[place] ?? 0) | ((high[place] ?? 0) << 8);
    const order = (orderOf(a) + ((coded >>> 1) ^ -(coded & 1))) & 0xffff;
    numbers[i] = order & 0x8000 ? order & 0x7fff : 0xffff - order;
  }
}

function orderOf(number: number): number {
  return number & 0x8000 ? 0xffff - number : number | 0x8000;
}

/** Where the differences of each exponent begin, the largest exponent first. */
function placesOf(as: Difference, base: Uint16Array): Uint32Array {
  const { at, mask } = exponents[as];
  const counts = new Uint32Array(mask + 1);
  for (let i = 0; i < base.length; i++) {
    const exponent = ((base[i] ?? 0) >>> at) & mask;
    counts[exponent] = (counts[exponent] ?? 0) + 1;
  }
  let begin = 0;
  for (let exponent = mask; exponent >= 0; exponent--) {
    const count = counts[exponent] ?? 0;
    counts[exponent] = begin;
    begin += count;
  }
  return counts;
}
