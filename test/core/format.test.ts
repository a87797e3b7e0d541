import { expect, test } from 'vitest';
import { formatBytes, formatDuration } from '../../src/core/format.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [16 * 2 ** 20, '16 MiB'],
  [200 * 2 ** 30, '200 GiB'],
  [6_938_040_682, '6.46 GiB'],
  [1024 ** 3 - 1, '1 GiB'],
  [2 ** 50 * 3, '3 PiB'],
  [2 ** 60, '1024 PiB'],
  [-1536, '-1.5 KiB'],
  [0.4, '0 B'],
])('%d bytes read as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0ms'],
  [0.346, '0.35ms'],
  [12.34, '12.3ms'],
  [999.4, '999ms'],
  [999.5, '1s'],
  [12_345, '12.3s'],
  [59_949, '59.9s'],
  [59_950, '1m'],
  [250_000, '4m 10s'],
  [3_599_600, '1h'],
  [5_400_000, '1h 30m'],
  [85_200_000, '23h 40m'],
  [86_399_000, '1d'],
  [273_600_000, '3d 4h'],
  [30 * 86_400_000, '30d'],
  [-90_000, '-1m 30s'],
])('%d ms read as %s, never as 60 of a unit', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
