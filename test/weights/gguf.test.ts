import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { isGguf, parseGguf } from '../../src/weights/gguf.ts';

function header(version: number, tensors: bigint, keys: bigint): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.write('GGUF');
  bytes.writeUInt32LE(version, 4);
  bytes.writeBigUInt64LE(tensors, 8);
  bytes.writeBigUInt64LE(keys, 16);
  return bytes;
}

test('a GGUF file is known by its header', () => {
  expect(isGguf(header(3, 1n, 1n))).toBe(true);
  expect(isGguf(Buffer.from('GGML'))).toBe(false);
  expect(parseGguf(header(3, 291n, 24n), 10_000)).toEqual({ version: 3, tensors: 291, keys: 24 });
});

test.each([
  ['cut off', header(3, 1n, 1n).subarray(0, 20), 20, /cut off/],
  ['of a version that does not exist', header(0x03000000, 1n, 1n), 1000, /version is 50331648/],
  ['with more tensors than there is room for', header(3, 2n ** 64n - 1n, 0n), 10_000, /room/],
  ['with more keys than there is room for', header(3, 0n, 1000n), 10_000, /room/],
])('a header %s is refused', (_, bytes, size, message) => {
  expect(() => parseGguf(bytes, size)).toThrow(CacheError);
  expect(() => parseGguf(bytes, size)).toThrow(message);
});

test('arbitrary bytes behind the magic are parsed or refused, never worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.nat(2 ** 31 - 1), (rest, size) => {
      try {
        parseGguf(Buffer.concat([Buffer.from('GGUF'), rest]), size);
      } catch (error) {
        expect(error).toBeInstanceOf(CacheError);
      }
    }),
    { numRuns: 2000 },
  );
});
