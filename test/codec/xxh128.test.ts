import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createXXHash128, xxhash128 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { createChunkMemory } from '../../src/codec/chunk-memory.ts';
import { giveBack, hashableMemory, memoryOf } from '../../src/codec/xxh3-kernel.ts';
import { createXxh128, SimpleHash } from '../../src/codec/xxh128.ts';

const most = 300_000;
const source = randomBytes(most);
/** The same bytes where they can be hashed in place. */
const inPlace = hashableMemory(most);
inPlace.set(source);

test('this runtime has the kernel, or the tests below compare a hash with itself', async () => {
  expect(memoryOf(inPlace)).toBeDefined();
  expect(await createXxh128()).not.toBeInstanceOf(SimpleHash);
});

test('what was decoded is hashed where it lies', async () => {
  const { raw } = createChunkMemory(most);
  raw.set(source);
  expect(memoryOf(raw)).toBeDefined();
  const hash = await createXxh128();
  hash.update(raw);
  expect(hash.digest()).toBe(await xxhash128(source));
});

describe('the hash is that of another implementation', () => {
  // Around stripes of 64, short inputs of up to 240, blocks of 1024 and pieces of 64 KiB.
  const edges = [0, 1, 16, 64, 128, 240, 241, 1024, 1088, 2048, 3072, 65_536, 66_560, 131_072];
  const lengths = edges.flatMap((edge) => [-65, -64, -63, -1, 0, 1, 63, 64, 65].map((by) => edge + by)).filter((n) => n >= 0);

  test.each([
    ['elsewhere', source],
    ['in place', inPlace],
  ])('for every length around an edge, of bytes %s', async (_where, bytes) => {
    const hash = await createXxh128();
    for (const length of new Set(lengths)) {
      hash.update(bytes.subarray(0, length));
      expect([length, hash.digest()]).toEqual([length, await xxhash128(source.subarray(0, length))]);
    }
  });

  test('however a stream is cut, wherever its pieces lie', async () => {
    const hash = await createXxh128();
    const piece = fc.record({
      length: fc.oneof(fc.nat(200), fc.nat(3000), fc.constantFrom(...edges), fc.nat(90_000)),
      here: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        let at = 0;
        for (const { length, here } of pieces) {
          const end = Math.min(most, at + length);
          hash.update((here ? inPlace : source).subarray(at, end));
          at = end;
        }
        expect(hash.digest()).toBe(await xxhash128(source.subarray(0, at)));
      }),
      { numRuns: 300 },
    );
  });

  test('with two streams at once in one memory', async () => {
    const [a, b] = [await createXxh128(), await createXxh128()];
    for (let at = 0; at < most; at += 30_000) {
      a.update(inPlace.subarray(at, at + 30_000));
      b.update(inPlace.subarray(most - at - 30_000, most - at));
    }
    const backwards = Array.from({ length: 10 }, (_, part) =>
      source.subarray(most - 30_000 * (part + 1), most - 30_000 * part),
    );
    expect(a.digest()).toBe(await xxhash128(source));
    expect(b.digest()).toBe(await xxhash128(Buffer.concat(backwards)));
  });

  test('where the runtime has no such instructions', async () => {
    const hash = new SimpleHash(await createXXHash128());
    for (const length of [0, 240, most]) {
      hash.update(source.subarray(0, length));
      expect(hash.digest()).toBe(await xxhash128(source.subarray(0, length)));
    }
  });
});

describe('memory that was given back', () => {
  test('is used again, by one at a time', () => {
    const first = hashableMemory(most);
    giveBack(first);
    const second = hashableMemory(most);
    const third = hashableMemory(most);
    expect(second.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(first.buffer);
  });

  test('serves a smaller need, and then the larger one again', () => {
    const first = hashableMemory(most);
    giveBack(first);
    const smaller = hashableMemory(4096);
    expect([smaller.length, smaller.buffer]).toEqual([4096, first.buffer]);
    giveBack(smaller);
    const larger = hashableMemory(most);
    expect([larger.length, larger.buffer]).toEqual([most, first.buffer]);
  });

  test('that is too small is left alone', () => {
    const small = hashableMemory(4096);
    giveBack(small);
    expect(hashableMemory(most).length).toBe(most);
  });
});
