import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { xxhash128 } from 'hash-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { createChunkMemory } from '../../src/codec/chunk-memory.ts';
import { createXxh128, isNative, portableXxh128, type StreamHash } from '../../src/codec/xxh128.ts';
import { blockMemory } from '../../src/runtime/block-memory.ts';

const most = 300_000;
const source = randomBytes(most);
const inBlocks = blockMemory(most);
const { raw: inKernels } = createChunkMemory(most);
const places = [source, inBlocks, inKernels];
for (const place of places) place.set(source);

test('this system has the library in machine code, or the tests below compare a hash with itself', () => {
  expect(isNative).toBe(true);
});

describe.each([
  ['in machine code', createXxh128],
  ['in WebAssembly', portableXxh128],
])('the hash %s is that of another implementation', (_form, create) => {
  // Around stripes of 64, short inputs of up to 240, and blocks of 1024.
  const edges = [0, 1, 16, 64, 128, 240, 241, 1024, 1088, 2048, 3072, 65_536];
  const lengths = edges.flatMap((edge) => [-65, -64, -63, -1, 0, 1, 63, 64, 65].map((by) => edge + by)).filter((n) => n >= 0);
  let hash: StreamHash;
  beforeAll(async () => {
    hash = await create();
  });

  test.each(places.map((bytes) => [bytes.buffer.constructor.name, bytes] as const))(
    'for every length around an edge',
    async (_kind, bytes) => {
      for (const length of new Set(lengths)) {
        hash.update(bytes.subarray(0, length));
        expect([length, hash.digest()]).toEqual([length, await xxhash128(source.subarray(0, length))]);
      }
    },
  );

  test('however a stream is cut, wherever its pieces lie', async () => {
    const piece = fc.record({
      length: fc.oneof(fc.nat(200), fc.nat(3000), fc.constantFrom(...edges), fc.nat(90_000)),
      where: fc.nat(places.length - 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        let at = 0;
        for (const { length, where } of pieces) {
          const end = Math.min(most, at + length);
          hash.update((places[where] ?? source).subarray(at, end));
          at = end;
        }
        expect(hash.digest()).toBe(await xxhash128(source.subarray(0, at)));
      }),
      { numRuns: 100 },
    );
  });

  test('with two streams at once', async () => {
    const other = await create();
    for (let at = 0; at < most; at += 30_000) {
      hash.update(inBlocks.subarray(at, at + 30_000));
      other.update(inKernels.subarray(most - at - 30_000, most - at));
    }
    const backwards = Array.from({ length: 10 }, (_, part) =>
      source.subarray(most - 30_000 * (part + 1), most - 30_000 * part),
    );
    expect(hash.digest()).toBe(await xxhash128(source));
    expect(other.digest()).toBe(await xxhash128(Buffer.concat(backwards)));
  });
});
