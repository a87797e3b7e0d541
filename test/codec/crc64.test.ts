import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Crc64, combineCrc64 } from '../../src/codec/crc64.ts';

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

/** The test cases of the NVM Command Set Specification (64-bit CRC), 4 KiB each. */
const golden: [string, (at: number) => number, string][] = [
  ['all zeros', () => 0x00, '6482d367eb22b64e'],
  ['all ones', () => 0xff, 'c0ddba7302eca3ac'],
  ['bytes that rise', (at) => at & 0xff, '3e729f5f6750449c'],
  ['bytes that fall', (at) => 0xff - (at & 0xff), '9a2df64b8e9e517e'],
];

test.each(golden)(
  '4 KiB of %s have the CRC that the standard tells, whole and combined of any two parts',
  (_of, byte, expected) => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, at) => byte(at)));
    expect(crcOf(bytes)).toBe(expected);
    for (const at of [0, 1, 7, 16, 1000, 4095, 4096])
      expect(combineCrc64(crcOf(bytes.subarray(0, at)), crcOf(bytes.subarray(at)), 4096 - at)).toBe(expected);
  },
);

test('the CRCs of chunks give that of the whole, whose last chunk is shorter', () => {
  const chunk = 2 ** 20;
  const bytes = randomBytes(3.5 * chunk);
  let whole = crcOf();
  for (let at = 0; at < bytes.length; at += chunk) {
    const part = bytes.subarray(at, at + chunk);
    whole = combineCrc64(whole, crcOf(part), part.length);
  }
  expect(whole).toBe(crcOf(bytes));
});

test('the order of the parts matters, and so does the length', () => {
  const [a, b] = [Buffer.from('1234'), Buffer.from('56789')];
  expect(combineCrc64(crcOf(a), crcOf(b), 5)).toBe('ae8b14860a799888');
  expect(combineCrc64(crcOf(b), crcOf(a), 4)).not.toBe('ae8b14860a799888');
  expect(combineCrc64(crcOf(a), crcOf(b), 4)).not.toBe('ae8b14860a799888');
});

test('parts of terabytes are combined at once', () => {
  const [a, b, c] = ['1', '2', '3'].map((text) => crcOf(Buffer.from(text))) as [string, string, string];
  const [second, third] = [2 ** 42 + 1, 2 ** 52 - 3];
  const left = combineCrc64(combineCrc64(a, b, second), c, third);
  expect(left).toBe(combineCrc64(a, combineCrc64(b, c, third), second + third));
});
