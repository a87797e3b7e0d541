import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Crc64 } from '../../src/codec/crc64.ts';

function crcOf(...parts: Buffer[]): string {
  const crc = new Crc64();
  for (const part of parts) crc.update(part);
  return crc.digest();
}

/** Bit by bit, as the definition says it. */
function slowly(bytes: Buffer): string {
  let value = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    value ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
  }
  return (value ^ 0xffff_ffff_ffff_ffffn).toString(16).padStart(16, '0');
}

test('a CRC-64/NVME has the check value of its catalogue, and of nothing it is zero', () => {
  expect(crcOf(Buffer.from('123456789'))).toBe('ae8b14860a799888');
  expect(crcOf()).toBe('0000000000000000');
});

test('it is the same however the bytes come', () => {
  const bytes = randomBytes(70_003);
  const expected = slowly(bytes);
  expect(crcOf(bytes)).toBe(expected);
  expect(crcOf(bytes.subarray(0, 1), bytes.subarray(1, 18), bytes.subarray(18, 66_000), bytes.subarray(66_000))).toBe(expected);
});
