import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainKernels } from '../../src/codec/plain-kernels.ts';
import { type KernelMemory, slack } from '../../src/codec/plane-kernels.ts';
import { wasmKernels } from '../../src/codec/wasm-kernels.ts';

/** Room for 200 elements in each of six areas. */
const area = 4 * 200 + slack;
const [elements, a, b, c, d, e] = [0, area, 2 * area, 3 * area, 4 * area, 5 * area] as const;

function vectors(): KernelMemory {
  const memory = wasmKernels(6 * area);
  if (!memory) throw new Error('this runtime has no vector instructions, so there is nothing to compare');
  // Addresses count from the first byte that the kernels reach.
  return { bytes: new Uint8Array(memory.bytes.buffer), kernels: memory.kernels };
}

interface Call {
  run(memory: KernelMemory, count: number, base: number): void;
  /** Areas that are written, and bytes in each. */
  writes(count: number): [area: number, bytes: number][];
}

const calls: Record<string, Call> = {
  split2: {
    run: ({ kernels }, count) => kernels.split2(elements, a, b, count),
    writes: (count) => [a, b].map((plane) => [plane, count]),
  },
  split2R: {
    run: ({ kernels }, count) => kernels.split2R(elements, a, b, count),
    writes: (count) => [a, b].map((plane) => [plane, count]),
  },
  split4R: {
    run: ({ kernels }, count) => kernels.split4R(elements, a, b, c, d, count),
    writes: (count) => [a, b, c, d].map((plane) => [plane, count]),
  },
  splitNibbles: {
    run: ({ kernels }, count) => kernels.splitNibbles(elements, a, b, count),
    writes: (count) => [a, b].map((plane) => [plane, count]),
  },
  mergeNibbles: {
    run: ({ kernels }, count) => kernels.mergeNibbles(elements, a, b, count),
    writes: (count) => [[elements, 2 * count]],
  },
  merge2: {
    run: ({ kernels }, count) => kernels.merge2(elements, a, b, count),
    writes: (count) => [[elements, 2 * count]],
  },
  merge2R: {
    run: ({ kernels }, count) => kernels.merge2R(elements, a, b, count),
    writes: (count) => [[elements, 2 * count]],
  },
  merge4R: {
    run: ({ kernels }, count) => kernels.merge4R(elements, a, b, c, d, count),
    writes: (count) => [[elements, 4 * count]],
  },
  pack: {
    run: ({ kernels }, count, base) => kernels.pack(a, b, e, base, count),
    writes: (count) => [
      [b, count / 2],
      [e, Math.floor(count / 32)],
    ],
  },
  mergePairs2R: {
    run: ({ kernels }, count, base) => kernels.mergePairs2R(elements, a, e, base, count),
    writes: (count) => [[elements, 2 * count]],
  },
  mergePairs4R: {
    run: ({ kernels }, count, base) => kernels.mergePairs4R(elements, a, b, c, e, base, count),
    writes: (count) => [[elements, 4 * count]],
  },
};

/** Bytes from a base on, in a range of values that is narrow, as exponents are, or wide. */
const input = fc.record({
  seed: fc.integer(),
  base: fc.nat(255),
  range: fc.constantFrom(3, 15, 16, 17, 256),
  pairs: fc.integer({ min: 1, max: 100 }),
});

function fill(memory: KernelMemory, { seed, base, range }: { seed: number; base: number; range: number }): void {
  let state = seed;
  for (let i = 0; i < memory.bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    memory.bytes[i] = base + ((state >>> 16) % range);
  }
}

test.each(Object.entries(calls))('a machine without vector instructions gets the same bytes from %s', (_, { run, writes }) => {
  const [fast, slow] = [vectors(), plainKernels(6 * area)];
  fc.assert(
    fc.property(input, (chosen) => {
      for (const memory of [fast, slow]) {
        fill(memory, chosen);
        run(memory, 2 * chosen.pairs, chosen.base);
      }
      for (const [begin, bytes] of writes(2 * chosen.pairs)) {
        const [x, y] = [fast, slow].map((memory) => Buffer.from(memory.bytes.slice(begin, begin + bytes)).toString('hex'));
        expect(x).toBe(y);
      }
    }),
    { numRuns: 150 },
  );
});

test('bf16 is taken apart into its exponents and the rest, with the sign in the lowest bit', () => {
  const { bytes, kernels } = vectors();
  const exponent = 0x7b;
  new Uint16Array(bytes.buffer, elements, 2).set([(exponent << 7) | 0x2a, 0x8000 | (exponent << 7) | 0x55]);
  kernels.split2R(elements, a, b, 2);
  expect([...bytes.subarray(b, b + 2)]).toEqual([exponent, exponent]);
  expect([...bytes.subarray(a, a + 2)]).toEqual([0x2a << 1, (0x55 << 1) | 1]);
});

test('fp32 is taken apart into its exponents and the rest, with the sign in the lowest bit', () => {
  const { bytes, kernels } = vectors();
  new Float32Array(bytes.buffer, elements, 2).set([1, -2]);
  kernels.split4R(elements, a, b, c, d, 2);
  expect([...bytes.subarray(d, d + 2)]).toEqual([127, 128]);
  expect([...bytes.subarray(a, a + 2)]).toEqual([0, 1]);
});

test('fp8 is taken apart into its exponents and the rest, two elements a byte', () => {
  const { bytes, kernels } = vectors();
  bytes.set([0x80 | (11 << 3) | 5, (2 << 3) | 6], elements);
  kernels.splitNibbles(elements, a, b, 1);
  expect(bytes[a]).toBe(0xd | (6 << 4));
  expect(bytes[b]).toBe(11 | (2 << 4));
});

test('pairs keep every exponent within reach, and mark the others', () => {
  const { bytes, kernels } = vectors();
  bytes.set([100, 114, 115, 99], a);
  kernels.pack(a, b, e, 100, 4);
  expect([...bytes.subarray(b, b + 2)]).toEqual([14 << 4, 0xff]);
  expect(bytes[e]).toBe(1);
});

test.each([2, 4])('elements of %s bytes that were packed as pairs come back from them, without those out of reach', (width) => {
  const { bytes, kernels } = vectors();
  const packed = e;
  const numbers = width === 2 ? [0x3d80, 0xbf2a, 0x3c01, 0x8055] : [0x3d80_1234, 0xbf2a_5678, 0x3c01_9abc, 0x8055_def0];
  const whole = width === 2 ? new Uint16Array(bytes.buffer, elements, 4) : new Uint32Array(bytes.buffer, elements, 4);
  whole.set(numbers);
  if (width === 2) kernels.split2R(elements, a, b, 4);
  else kernels.split4R(elements, a, b, c, d, 4);
  kernels.pack(width === 2 ? b : d, packed, packed + 8, 0x78, 4);
  whole.fill(0);
  if (width === 2) kernels.mergePairs2R(elements, a, packed, 0x78, 4);
  else kernels.mergePairs4R(elements, a, b, c, packed, 0x78, 4);
  expect([...whole.subarray(0, 3)]).toEqual(numbers.slice(0, 3));
  expect(whole[3]).not.toBe(numbers[3]);
});
