import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { converted, numbersIn } from '../../src/codec/number-types.ts';
import { mostNumbers, type NarrowType, NumberMemory, type WideType, widthOf } from '../../src/variants/number-memory.ts';

interface Section {
  input: WideType;
  to?: NarrowType;
  scale: number;
  bytes: number;
}

/** What torch and comfy-kitchen make of 65,536 numbers each; see `make_golden.py`. */
function readGolden(): { section: Section; bytes: Buffer }[] {
  const whole = gunzipSync(readFileSync(new URL('golden.bin.gz', import.meta.url)));
  const headEnd = whole.indexOf('\n');
  const { sections } = JSON.parse(whole.subarray(0, headEnd).toString()) as { sections: Section[] };
  let at = headEnd + 1;
  return sections.map((section) => {
    at += section.bytes;
    return { section, bytes: whole.subarray(at - section.bytes, at) };
  });
}

const golden = readGolden();
const inputs = new Map(golden.flatMap(({ section, bytes }) => (section.to ? [] : [[section.input, bytes] as const])));

/** The input as torch got it: it left out what the format cannot hold. */
function inRange(bytes: Buffer, type: WideType, largest: number): Buffer {
  const kept = Buffer.from(bytes);
  const width = widthOf[type];
  for (let at = 0; at < kept.length; at += width) {
    const bits = width === 4 ? kept.readUInt32LE(at) : kept.readUInt16LE(at);
    if (!(Math.abs(numberOf(bits, type)) <= largest)) kept.fill(0, at, at + width);
  }
  return kept;
}

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

function numberOf(bits: number, type: WideType): number {
  if (type !== 'F16') {
    word[0] = type === 'F32' ? bits : bits << 16;
    return asFloat[0] ?? 0;
  }
  const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

const part = { at: 0, count: 65_536 };

const largestOf = ({ to, scale }: Section): number =>
  ({ F8_E4M3: Number.POSITIVE_INFINITY, I8: Math.fround(127 * scale), F16: 65503.99, BF16: 3.3e38 })[to ?? 'BF16'];

describe('the golden file of torch and comfy-kitchen', () => {
  const memories = [new NumberMemory(), new NumberMemory(4 * part.count)];

  test('covers each input with every format and scale', () => {
    expect([...inputs.keys()]).toEqual(['BF16', 'F16', 'F32']);
    expect(golden.filter(({ section }) => section.to)).toHaveLength(34);
    for (const { section, bytes } of golden) expect(bytes.length / widthOf[section.to ?? section.input]).toBe(65_536);
  });

  for (const { section, bytes } of golden) {
    const { input, to, scale } = section;
    if (!to) continue;
    test(`${input} to ${to} by ${scale} has the same bits`, () => {
      const given = inRange(inputs.get(input) ?? Buffer.alloc(0), input, largestOf(section));
      for (const memory of memories) {
        memory.placeFor(input, part).set(given);
        memory.take(input, part);
        memory.round(to, 0, 65_536, scale);
        const made = Buffer.from(memory.bytesOf(to, 65_536));
        const different: string[] = [];
        for (let i = 0; i < 65_536 && different.length < 5; i++) {
          const width = widthOf[to];
          const [a, b] = [made, bytes].map((of) => of.subarray(i * width, (i + 1) * width).toString('hex'));
          if (a !== b)
            different.push(`${given.subarray(i * widthOf[input], (i + 1) * widthOf[input]).toString('hex')}: ${a} is not ${b}`);
        }
        expect(different).toEqual([]);
      }
    });
    if (to === 'F16' || to === 'BF16')
      test(`${input} to ${to} has the same bits in the compressed form of a twin`, () => {
        const given = new Uint8Array(inRange(inputs.get(input) ?? Buffer.alloc(0), input, largestOf(section)));
        const { buffer } = converted(numbersIn(input, given), input, to);
        expect(Buffer.compare(Buffer.from(buffer), bytes)).toBe(0);
      });
  }
});

describe('numbers in memory', () => {
  const memory = new NumberMemory();
  const put = (numbers: number[]) => {
    const all = { at: 0, count: numbers.length };
    memory.placeFor('F32', all).set(new Uint8Array(Float32Array.from(numbers).buffer));
    memory.take('F32', all);
  };

  test('the largest magnitude is found, whatever its place and sign, and a number that is none', () => {
    for (const count of [1, 15, 16, 17, 100, mostNumbers]) {
      const numbers = Array.from({ length: count }, (_, i) => (i === count - 1 ? -9 : 1 / (i + 1)));
      put(numbers);
      expect(memory.largest(0, count)).toBe(9);
    }
    put([1, Number.NaN]);
    expect(memory.largest(0, 2)).toBeNaN();
    put([1, Number.NEGATIVE_INFINITY]);
    expect(memory.largest(0, 2)).toBe(Number.POSITIVE_INFINITY);
  });

  test('numbers after the last one count for nothing', () => {
    put([7, 7, 7, 7, 7]);
    put([1, 2]);
    expect(memory.largest(0, 2)).toBe(2);
    expect(memory.round('BF16', 0, 2)).toEqual({ power: 5, noise: 0, worst: 0 });
  });

  test('a part is scanned and rounded by itself', () => {
    put(Array.from({ length: 64 }, (_, i) => i));
    expect(memory.largest(16, 16)).toBe(31);
    memory.round('I8', 16, 16, 1);
    expect([...memory.bytesOf('I8', 32).subarray(16)]).toEqual(Array.from({ length: 16 }, (_, i) => 16 + i));
  });

  test('the cost of rounding is that of the numbers taken back', () => {
    const numbers = Array.from({ length: 4096 }, (_, i) => Math.fround(Math.sin(i) / 7));
    put(numbers);
    const scale = Math.fround(memory.largest(0, 4096) / 127);
    const { power, noise, worst } = memory.round('I8', 0, 4096, scale);
    const codes = new Int8Array(Uint8Array.from(memory.bytesOf('I8', 4096)).buffer);
    const errors = numbers.map((x, i) => Math.abs(x - (codes[i] ?? 0) * scale));
    expect(worst).toBeCloseTo(Math.max(...errors), 6);
    expect(noise / errors.reduce((sum, e) => sum + e * e, 0)).toBeCloseTo(1, 3);
    expect(power / numbers.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 5);
  });
});
