import zlib from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inspectFrame } from '../../src/codec/zstd-frame.ts';
import { CacheError } from '../../src/core/errors.ts';

const magic = [0x28, 0xb5, 0x2f, 0xfd];
const { constants } = zlib;

/** A block's header: stored 0, repeated 1, coded 2. */
const block = (size: number, type: number, last = true) => {
  const header = (size << 3) | (type << 1) | (last ? 1 : 0);
  return [header & 0xff, (header >> 8) & 0xff, header >> 16];
};

const attacks: [string, number[], RegExp][] = [
  ['an empty file', [], /does not begin/],
  ['another format', [0x50, 0x4b, 3, 4, 0, 0, 0], /does not begin/],
  ['a skippable frame', [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], /does not begin/],
  ['a header that is cut off', [...magic, 0xe0, 1, 2], /cut off/],
  ['no content size', [...magic, 0x00, 0x40, ...block(1, 0), 7], /size of its content/],
  ['a dictionary of one byte', [...magic, 0x21, 9, 1, ...block(1, 0), 7], /dictionary/],
  ['a dictionary of four bytes', [...magic, 0x23, 9, 9, 9, 9, 1, ...block(1, 0), 7], /dictionary/],
  ['a reserved bit', [...magic, 0x28, 1, ...block(1, 0), 7], /reserved bit/],
  ['a reserved block', [...magic, 0x20, 1, ...block(1, 3), 7], /reserved type/],
  ['a block without its bytes', [...magic, 0x20, 5, ...block(5, 0), 1, 2], /cut off/],
  ['no last block', [...magic, 0x20, 5, ...block(2, 0, false), 1, 2], /cut off/],
  ['a block over 128 KiB', [...magic, 0xa0, 0, 0, 3, 0, ...block(131_073, 1), 7], /over 128 KiB/],
  ['bytes behind the last block', [...magic, 0x20, 1, ...block(1, 0), 7, 8], /add up/],
  ['a checksum that is missing', [...magic, 0x24, 1, ...block(1, 0), 7], /add up/],
  ['less content than declared', [...magic, 0x20, 9, ...block(1, 0), 7], /do not make/],
  ['more content than declared', [...magic, 0x20, 1, ...block(100, 1), 7], /do not make/],
  ['content of 2^62 bytes', [...magic, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, ...block(1, 0), 7], /do not make/],
  [
    'a bomb: 10,000 repeated blocks in a frame for one byte',
    [...magic, 0x20, 1, ...Array.from({ length: 10_000 }, (_, k) => [...block(131_072, 1, k === 9999), 0]).flat()],
    /more blocks/,
  ],
  [
    'a bomb of coded blocks, each a run of 128 KiB',
    [...magic, 0x20, 1, ...Array.from({ length: 1000 }, (_, k) => [...block(5, 2, k === 999), 0x1d, 0, 0x20, 7, 0]).flat()],
    /more blocks/,
  ],
  [
    'a million empty blocks',
    [...magic, 0x20, 1, ...Array.from({ length: 1_000_000 }, () => block(0, 0, false)).flat()],
    /more blocks/,
  ],
];

test.each(attacks)('%s is refused before anything is decoded', (_, bytes, message) => {
  expect(() => inspectFrame(Uint8Array.from(bytes))).toThrow(CacheError);
  expect(() => inspectFrame(Uint8Array.from(bytes))).toThrow(message);
});

test('every frame that zstd writes passes, at any level', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 500 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: -5, max: 19 }),
      (unit, times, level) => {
        const content = Buffer.concat(Array.from({ length: times }, () => unit));
        const params = { [constants.ZSTD_c_compressionLevel]: level };
        expect(inspectFrame(zlib.zstdCompressSync(content, { params })).contentSize).toBe(content.length);
      },
    ),
    { numRuns: 150 },
  );
});

test('arbitrary bytes behind the magic are passed or refused, never worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        inspectFrame(Uint8Array.from([...magic, ...bytes]));
      } catch (error) {
        expect(error).toBeInstanceOf(CacheError);
      }
    }),
    { numRuns: 5000 },
  );
});
