import type { VariantForm } from '../core/types.ts';
import type { NarrowType, NumberMemory, RoundingCost } from './number-memory.ts';

/** Minimum ratio, below which `auto8` keeps a layer unchanged, and minimum gain of int8 over fp8 to be chosen, dB. */
const leastSqnr = 25;
const gainOfInt8 = 3;
/** `auto8` compares fp8 on every n-th row, which is as reliable at a fraction of the cost. */
const sampledRows = 8;

const largestFp8 = 448;
const largestInt8 = 127;
const leastScale = 1e-30;
const normal = 2 ** -126;
const largestFp16 = 65504;
const largestBf16 = 3.3895313892515355e38;

/** The scale of a whole weight, by its largest magnitude; null when its numbers do not fit into fp8. */
export function fp8Scale(largest: number): number | null {
  if (largest === 0) return 1;
  const scale = Math.fround(Math.fround(largest) / largestFp8);
  return Number.isFinite(largest) && scale >= normal ? scale : null;
}

/** The scale of one row, by its largest magnitude. */
export function int8Scale(largest: number): number {
  return Math.max(Math.fround(largest / largestInt8), Math.fround(leastScale));
}

/** The 16-bit formats that hold numbers up to this magnitude, the requested one first; none = the tensor stays. */
export function sixteenFor(form: VariantForm | null, largest: number): ('F16' | 'BF16')[] {
  const able = { F16: largest < largestFp16, BF16: largest <= largestBf16 };
  const wanted = form === 'fp16' ? (['F16', 'BF16'] as const) : (['BF16'] as const);
  return wanted.filter((type) => able[type]);
}

/** Whether int8 by rows suits a layer better than fp8, and whether either is good enough. */
export function chooseEight(int8: Ratio, fp8: Ratio): 'I8' | 'F8_E4M3' | null {
  const [a, b] = [decibel(int8), decibel(fp8)];
  const chosen = a >= b + gainOfInt8 || a === Number.POSITIVE_INFINITY ? 'I8' : 'F8_E4M3';
  return (chosen === 'I8' ? a : b) < leastSqnr ? null : chosen;
}

type Ratio = Pick<RoundingCost, 'power' | 'noise'>;

const decibel = ({ power, noise }: Ratio) => (noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(power / noise));

/** Costs of the parts of a layer, added up. */
export class CostSum implements RoundingCost {
  power = 0;
  noise = 0;
  worst = 0;

  add(cost: RoundingCost): void {
    this.power += cost.power;
    this.noise += cost.noise;
    this.worst = Math.max(this.worst, cost.worst);
  }
}

/** A part of a matrix in memory. */
export interface Part {
  /** The numbers in memory: the first one's index in the whole matrix, and their count. */
  at: number;
  count: number;
  columns: number;
}

/** Calls `each` for every row in a part, or piece of a row, with its number, and the place of its numbers in memory. */
export function eachRow({ at, count, columns }: Part, each: (row: number, from: number, length: number) => void): void {
  for (let done = 0; done < count; ) {
    const row = Math.floor((at + done) / columns);
    const length = Math.min((row + 1) * columns - (at + done), count - done);
    each(row, done, length);
    done += length;
  }
}

/** Rounds a part to int8, each row by its own scale. */
export function roundRows(memory: NumberMemory, part: Part, scales: Float32Array, sum: CostSum): void {
  eachRow(part, (row, from, length) => sum.add(memory.round('I8', from, length, scales[row])));
}

/** The cost of fp8, on some rows of a part. */
export function sampleFp8(memory: NumberMemory, part: Part, scale: number, sum: CostSum): void {
  const type: NarrowType = 'F8_E4M3';
  eachRow(part, (row, from, length) => {
    if (row % sampledRows === 0) sum.add(memory.round(type, from, length, scale));
  });
}
