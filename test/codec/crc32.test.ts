import zlib from 'node:zlib';
import { crc32 as native } from '@node-rs/crc32';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('@node-rs/crc32');
  vi.resetModules();
});

test('is the same as the one of zlib, at any place in memory', async () => {
  const { crc32 } = await import('../../src/codec/crc32.ts');
  expect(crc32).toBe(native);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(20), (bytes, begin) => {
      const part = bytes.subarray(begin);
      expect(crc32(part)).toBe(zlib.crc32(part));
    }),
  );
});

test('is the one of Node where the package has no binary', async () => {
  vi.doMock('@node-rs/crc32', () => {
    throw new Error('Cannot find native binding');
  });
  vi.resetModules();
  const { crc32 } = await import('../../src/codec/crc32.ts');
  expect(crc32).toBe(zlib.crc32);
});
