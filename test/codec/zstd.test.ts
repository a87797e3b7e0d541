import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bestZstd, compress, compressedBound, nodeZstd, packageZstd, type Zstd } from '../../src/codec/zstd.ts';
import { inspectFrame } from '../../src/codec/zstd-frame.ts';
import { CacheError } from '../../src/core/errors.ts';

function frameOf(content: Uint8Array): Uint8Array {
  const target = new Uint8Array(compressedBound(content.length));
  return target.subarray(0, compress(content, target));
}

/** Content of every kind: noise, repetitions, and bytes of few values, as exponents are. */
const content = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 3000 }),
  fc
    .record({ byte: fc.nat(255), length: fc.integer({ min: 1, max: 400_000 }) })
    .map(({ byte, length }) => new Uint8Array(length).fill(byte)),
  fc.array(fc.integer({ min: 110, max: 125 }), { minLength: 1, maxLength: 3000 }).map((values) => Uint8Array.from(values)),
);

describe.each([
  ['node:zlib', nodeZstd],
  ['the package', packageZstd],
] satisfies [string, Zstd][])('with %s', (_, zstd) => {
  test('what was compressed comes back', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (bytes) => {
        const frame = frameOf(bytes);
        expect(inspectFrame(frame).contentSize).toBe(bytes.length);
        const target = new Uint8Array(bytes.length);
        await zstd.decompress(frame, target);
        expect(Buffer.compare(target, bytes)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('damage is an error of ours', async () => {
    const frame = frameOf(Uint8Array.from({ length: 5000 }, (_unused, k) => 110 + ((k * k) % 11)));
    frame[frame.length - 10] = (frame[frame.length - 10] ?? 0) ^ 4;
    await expect(async () => zstd.decompress(frame, new Uint8Array(5000))).rejects.toThrow(CacheError);
  });

  test('frames that are damaged anywhere decode, or are refused, never worse', async () => {
    const frame = frameOf(Uint8Array.from({ length: 3000 }, (_unused, k) => 110 + ((k * k) % 13)));
    const flips = fc.array(fc.record({ at: fc.nat(frame.length - 1), bits: fc.integer({ min: 1, max: 255 }) }), {
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(flips, async (damage) => {
        const damaged = Buffer.from(frame);
        for (const { at, bits } of damage) damaged[at] = (damaged[at] ?? 0) ^ bits;
        try {
          const { contentSize } = inspectFrame(damaged);
          await zstd.decompress(damaged, new Uint8Array(Math.min(contentSize, 100_000)));
        } catch (error) {
          expect(error).toBeInstanceOf(CacheError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('content that is longer or shorter than declared is refused', async () => {
    const frame = frameOf(new Uint8Array(5000).fill(7));
    await expect(async () => zstd.decompress(frame, new Uint8Array(4999))).rejects.toThrow(CacheError);
    await expect(async () => zstd.decompress(frame, new Uint8Array(5001))).rejects.toThrow(CacheError);
  });
});

test('the faster implementation is used where Node has it', () => {
  expect(bestZstd).toBe('zstdDecompressSync' in zlib ? nodeZstd : packageZstd);
});

test('noise hardly grows and is recognised as stored', () => {
  let state = 1;
  const noise = Uint8Array.from({ length: 300_000 }, () => {
    state = Math.imul(state, 1103515245) + 12345;
    return state >>> 23;
  });
  const frame = frameOf(noise);
  expect(frame.length).toBeLessThan(noise.length + 40);
  const { stored } = inspectFrame(frame);
  expect(Buffer.concat((stored ?? []).map(({ begin, end }) => frame.subarray(begin, end))).equals(noise)).toBe(true);
});
