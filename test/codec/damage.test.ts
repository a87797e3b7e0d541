import fc from 'fast-check';
import { expect, test } from 'vitest';
import { transforms } from '../../src/codec/format.ts';
import { slowTests } from '../helpers/slow.ts';
import { testFile } from './files.ts';
import { assemble, decode, isFound, original, soundBytes, takeApart } from './sound-file.ts';

/** Each property is tried so many times; more with AUTOCACHED_FUZZ=20000 in the environment. */
const numRuns = Number(process.env['AUTOCACHED_FUZZ'] ?? (slowTests ? 1000 : 250));
const timeout = 60_000 + 10 * numRuns;

/** The fuzz tests write over one file, again and again. */
const target = testFile();

test('the file that all of this damages is sound, and holds every kind of chunk', async () => {
  expect(assemble(takeApart()).equals(soundBytes)).toBe(true);
  target.put(soundBytes);
  expect((await decode(target)).equals(original)).toBe(true);
  const { chunks } = takeApart().metadata;
  expect(new Set(chunks.map(({ as }) => as))).toEqual(new Set(transforms));
  expect(chunks.some(({ pairs }) => (pairs?.escapes ?? 0) > 0)).toBe(true);
});

test('a bit that flips is found wherever it is', { timeout }, async () => {
  let missed = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(soundBytes.length - 1), fc.nat(7), async (at, bit) => {
      const damaged = Buffer.from(soundBytes);
      damaged[at] = (soundBytes[at] ?? 0) ^ (1 << bit);
      target.put(damaged);
      if (!(await isFound(target))) missed++;
    }),
    { numRuns },
  );
  // Frames of stored bytes have a checksum that is not looked at, because the CRC-32 covers their content; headers have idle bits.
  expect(missed / numRuns).toBeLessThan(0.01);
});

test('a file that ends early, anywhere, is refused', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(soundBytes.length - 1), async (length) => {
      target.put(soundBytes.subarray(0, length));
      expect(await isFound(target)).toBe(true);
    }),
    { numRuns: numRuns / 5 },
  );
});

test('pages of zeros, moved, doubled and dropped pieces never give wrong bytes', { timeout }, async () => {
  const place = fc.nat(soundBytes.length);
  const damage = fc.record({
    from: place,
    to: place,
    length: fc.oneof(fc.nat(20), fc.nat(5000)),
    kind: fc.constantFrom('zero', 'move', 'double', 'drop'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
      let damaged = Buffer.from(soundBytes);
      for (const { from, to, length, kind } of damages) {
        const piece = damaged.subarray(from, from + length);
        if (kind === 'zero') piece.fill(0);
        if (kind === 'move')
          damaged.set(Buffer.from(piece).subarray(0, Math.max(0, damaged.length - to)), Math.min(to, damaged.length));
        if (kind === 'double') damaged = Buffer.concat([damaged.subarray(0, to), piece, damaged.subarray(to)]);
        if (kind === 'drop') damaged = Buffer.concat([damaged.subarray(0, from), damaged.subarray(from + length)]);
      }
      target.put(damaged);
      await isFound(target);
    }),
    { numRuns },
  );
});

test('metadata that says anything, with a checksum that is right, never gives wrong bytes', { timeout }, async () => {
  const number = fc.oneof(fc.nat(40_000), fc.integer(), fc.double(), fc.constantFrom(2 ** 31, 2 ** 53, 8 * 2 ** 20));
  const value = fc.oneof(number, fc.constantFrom(...transforms, 'other'), fc.jsonValue({ maxDepth: 2 }));
  const pairs = fc.record({ base: number, escapes: number });
  const change = fc.record({
    chunk: fc.nat(5),
    key: fc.constantFrom('size', 'as', 'crc32', 'pairs', 'new'),
    value: fc.oneof(value, pairs),
  });
  const overall = fc.record({
    key: fc.constantFrom('format', 'version', 'requires', 'size', 'sha256', 'about', 'chunks', 'new'),
    value,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 3 }),
      fc.array(overall, { maxLength: 1 }),
      fc.nat(8),
      async (changes, overalls, frame) => {
        const { frames, metadata } = takeApart();
        for (const { chunk, key, value: changed } of changes) Object.assign(metadata.chunks[chunk] ?? {}, { [key]: changed });
        for (const { key, value: changed } of overalls) Object.assign(metadata, { [key]: changed });
        if (changes.length === 0) frames.splice(frame, 1);
        target.put(assemble({ frames, metadata }));
        await isFound(target);
      },
    ),
    { numRuns },
  );
});
