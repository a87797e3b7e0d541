import type { DerivedTransform } from './format.ts';
import type { NumberType } from './number-types.ts';

export type Difference = Exclude<DerivedTransform, 'same'>;

/** Position of the exponent in the bits of a number, and its mask. */
const exponents: Record<Difference, { at: number; mask: number }> = {
  delta2: { at: 10, mask: 0x1f },
  delta2r: { at: 7, mask: 0xff },
  delta4: { at: 23, mask: 0xff },
};

/** The type of the numbers of each kind of difference. */
export const typeOf: Readonly<Record<Difference, NumberType>> = { delta2: 'F16', delta2r: 'BF16', delta4: 'F32' };

type Numbers = Uint16Array | Uint32Array;

/**
 * Writes the differences of numbers from those of a base. Numbers are put in the order of their value (negative ones reversed, then
 * positive ones), where a small change of a value is a small difference, also over a power of two. The sign goes into the lowest bit.
 * @param planes get the bytes of each difference, the lowest first, in the order of the base's exponents
 */
export function takeDifference(as: Difference, numbers: Numbers, base: Numbers, planes: readonly Uint8Array[]): void {
  const { at, mask } = exponents[as];
  const places = placesOf(as, base);
  const [p0 = none, p1 = none, p2 = none, p3 = none] = planes;
  if (as === 'delta4') {
    for (let i = 0; i < numbers.length; i++) {
      const a = base[i] ?? 0;
      const distance = (order32(numbers[i] ?? 0) - order32(a)) | 0;
      const coded = (distance << 1) ^ (distance >> 31);
      const exponent = (a >>> at) & mask;
      const place = places[exponent] ?? 0;
      places[exponent] = place + 1;
      p0[place] = coded;
      p1[place] = coded >>> 8;
      p2[place] = coded >>> 16;
      p3[place] = coded >>> 24;
    }
    return;
  }
  for (let i = 0; i < numbers.length; i++) {
    const a = base[i] ?? 0;
    const distance = ((order16(numbers[i] ?? 0) - order16(a)) << 16) >> 16;
    const coded = (distance << 1) ^ (distance >> 15);
    const exponent = (a >>> at) & mask;
    const place = places[exponent] ?? 0;
    places[exponent] = place + 1;
    p0[place] = coded;
    p1[place] = coded >>> 8;
  }
}

/** The reverse: `numbers` become those that the differences were taken of. */
export function addDifference(as: Difference, numbers: Numbers, base: Numbers, planes: readonly Uint8Array[]): void {
  // Twins whose numbers were only rounded have no differences.
  if (planes.every(isZero)) {
    numbers.set(base);
    return;
  }
  const { at, mask } = exponents[as];
  const places = placesOf(as, base);
  const [p0 = none, p1 = none, p2 = none, p3 = none] = planes;
  if (as === 'delta4') {
    for (let i = 0; i < numbers.length; i++) {
      const a = base[i] ?? 0;
      const exponent = (a >>> at) & mask;
      const place = places[exponent] ?? 0;
      places[exponent] = place + 1;
      const coded = (p0[place] ?? 0) | ((p1[place] ?? 0) << 8) | ((p2[place] ?? 0) << 16) | ((p3[place] ?? 0) << 24);
      const order = (order32(a) + ((coded >>> 1) ^ -(coded & 1))) | 0;
      numbers[i] = order & 0x80000000 ? order & 0x7fffffff : ~order;
    }
    return;
  }
  for (let i = 0; i < numbers.length; i++) {
    const a = base[i] ?? 0;
    const exponent = (a >>> at) & mask;
    const place = places[exponent] ?? 0;
    places[exponent] = place + 1;
    const coded = (p0[place] ?? 0) | ((p1[place] ?? 0) << 8);
    const order = (order16(a) + ((coded >>> 1) ^ -(coded & 1))) & 0xffff;
    numbers[i] = order & 0x8000 ? order & 0x7fff : 0xffff - order;
  }
}

const none = new Uint8Array();
const zeros = new Uint8Array(64 * 1024);

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(part, zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

function order16(number: number): number {
  return number & 0x8000 ? 0xffff - number : number | 0x8000;
}

function order32(number: number): number {
  return number & 0x80000000 ? ~number : number | 0x80000000;
}

/** Start of the differences of each exponent, the largest exponent first. */
function placesOf(as: Difference, base: Numbers): Uint32Array {
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
