import { bytesOf, type NumberType } from '../codec/number-types.ts';
import { factsAt, type NumberKernels, numberKernels, type RoundingKernels } from './number-kernels.ts';

/** The number formats of read weights, by their names in safetensors. */
export type WideType = NumberType;

/** The number formats of written weights. */
export type NarrowType = 'F8_E4M3' | 'I8' | 'F16' | 'BF16';

export const widthOf: Readonly<Record<WideType | NarrowType, number>> = { F8_E4M3: 1, I8: 1, ...bytesOf };

/** Maximum count of numbers in a chunk, which then fits into the processor's cache. */
export const mostNumbers = 128 * 1024;
/** Count of numbers that kernels take at a time. */
const step = 16;

/** Numbers of a tensor: the index of the first one, and their count, at most `mostNumbers`. */
interface Numbers {
  at: number;
  count: number;
}

/** Sums of squares of the numbers and of the errors, and the largest error. */
export interface RoundingCost {
  power: number;
  noise: number;
  worst: number;
}

/** A chunk of weights in memory, and the kernels that change it from one number format to another. */
export class NumberMemory {
  readonly #kernels: NumberKernels;
  readonly #ofBf16: RoundingKernels;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #floats: Float32Array;
  readonly #integers: Uint32Array;
  readonly #wide = factsAt.size;
  readonly #raw = this.#wide + 4 * (mostNumbers + step);
  /** The taken numbers: their place, width, and kernels. */
  #taken: { kernels: RoundingKernels; begin: number; width: number };
  readonly #out = this.#raw + 2 * (mostNumbers + step);
  readonly #held = this.#out + 2 * (mostNumbers + step);
  readonly #heldBytes: number;

  /**
   * @param heldBytes bytes of a tensor, from its first on, that stay in memory from one pass over it to the next
   * @throws Error where the runtime has no vector instructions; Node has them on all processors that it runs on
   */
  constructor(heldBytes = 0) {
    this.#heldBytes = heldBytes;
    const instance = numberKernels.over(this.#held + heldBytes + 4 * step);
    if (!instance) throw new Error('this runtime has no WebAssembly with vector instructions');
    this.#kernels = instance.exports;
    const { scanOfBf16, toFp8OfBf16, toFp16OfBf16, toBf16OfBf16, toInt8OfBf16 } = instance.exports;
    this.#ofBf16 = {
      scan: scanOfBf16,
      toFp8: toFp8OfBf16,
      toFp16: toFp16OfBf16,
      toBf16: toBf16OfBf16,
      toInt8: toInt8OfBf16,
    };
    this.#taken = { kernels: this.#kernels, begin: this.#wide, width: 4 };
    this.#bytes = instance.bytes;
    this.#floats = new Float32Array(instance.bytes.buffer);
    this.#integers = new Uint32Array(instance.bytes.buffer);
  }

  /** Whether these numbers have a lasting place in memory. */
  holds(type: WideType, { at, count }: Numbers): boolean {
    return widthOf[type] * (at + count) <= this.#heldBytes;
  }

  /** The place for the bytes of the next numbers. */
  placeFor(type: WideType, numbers: Numbers): Uint8Array {
    const begin = this.#placeOf(type, numbers);
    return this.#bytes.subarray(begin, begin + widthOf[type] * numbers.count);
  }

  /** Takes the numbers whose bytes were written there. */
  take(type: WideType, numbers: Numbers): void {
    const { count } = numbers;
    const place = this.#placeOf(type, numbers);
    if (type === 'F16') this.#kernels.widenF16(place, this.#wide, 0, place + 2 * ceil(count));
    const isBf16 = type === 'BF16';
    const [begin, width] = type === 'F16' ? [this.#wide, 4] : [place, widthOf[type]];
    this.#taken = { kernels: isBf16 ? this.#ofBf16 : this.#kernels, begin, width };
    // The kernels' last step may go beyond the numbers.
    this.#bytes.fill(0, begin + width * count, begin + width * ceil(count));
  }

  /** The largest magnitude; infinite or NaN if a number is. @param from the first number */
  largest(from: number, count: number): number {
    this.#taken.kernels.scan(this.#addressOf(from), 0, 0, this.#addressOf(from + ceil(count)));
    this.#integers[0] = ofLanes(this.#integers, factsAt.largest, Math.max);
    return this.#floats[0] ?? 0;
  }

  /**
   * Rounds numbers to a format. `bytesOf` then gives their bytes.
   * @param scale numbers are divided by it first; integers exactly so, floats multiplied by its reciprocal, as comfy-kitchen does
   */
  round(type: NarrowType, from: number, count: number, scale = 1): RoundingCost {
    this.#floats[factsAt.factor / 4] = 1 / Math.fround(scale);
    this.#floats[factsAt.scale / 4] = scale;
    const target = this.#out + widthOf[type] * from;
    const [begin, end] = [this.#addressOf(from), this.#addressOf(from + ceil(count))];
    const { kernels } = this.#taken;
    if (type === 'F8_E4M3') kernels.toFp8(begin, target, 0, end);
    if (type === 'I8') kernels.toInt8(begin, target, 0, end);
    if (type === 'F16') kernels.toFp16(begin, target, 0, end);
    if (type === 'BF16') kernels.toBf16(begin, target, 0, end);
    return {
      power: ofLanes(this.#floats, factsAt.power, plus),
      noise: ofLanes(this.#floats, factsAt.noise, plus),
      worst: ofLanes(this.#floats, factsAt.worst, Math.max),
    };
  }

  /** Bytes of the first numbers of the last rounding, valid until the next one. */
  bytesOf(type: NarrowType, count: number): Uint8Array {
    return this.#bytes.subarray(this.#out, this.#out + widthOf[type] * count);
  }

  #placeOf(type: WideType, numbers: Numbers): number {
    if (this.holds(type, numbers)) return this.#held + widthOf[type] * numbers.at;
    return type === 'F32' ? this.#wide : this.#raw;
  }

  #addressOf(number: number): number {
    return this.#taken.begin + this.#taken.width * number;
  }
}

const plus = (a: number, b: number) => a + b;

/** Four lanes joined to one. Called for every row of a matrix, so it makes no arrays. */
function ofLanes(of: Float32Array | Uint32Array, at: number, join: (a: number, b: number) => number): number {
  const lane = at / 4;
  return join(join(join(of[lane] ?? 0, of[lane + 1] ?? 0), of[lane + 2] ?? 0), of[lane + 3] ?? 0);
}

function ceil(count: number): number {
  return Math.ceil(count / step) * step;
}
