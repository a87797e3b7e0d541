import { expect, test } from 'vitest';
import { boundOf } from '../../src/config/bound.ts';

const GiB = 2 ** 30;
const volume = { size: 1000 * GiB, free: 400 * GiB, used: 100 * GiB };
const fivePercent = { kind: 'share', share: 0.05 } as const;

test('auto takes most of what is free or the cache’s already, beyond the floor', () => {
  expect(boundOf({ limit: { kind: 'auto' }, minFree: fivePercent }, volume)).toEqual({
    limit: 0.8 * 450 * GiB,
    floor: 50 * GiB,
  });
});

test('a share is of the volume, bytes are bytes', () => {
  expect(boundOf({ limit: { kind: 'share', share: 0.5 }, minFree: { kind: 'bytes', bytes: GiB } }, volume)).toEqual({
    limit: 500 * GiB,
    floor: GiB,
  });
});

test('a limit larger than the volume is cut to what the volume can hold', () => {
  expect(boundOf({ limit: { kind: 'bytes', bytes: 5000 * GiB }, minFree: fivePercent }, volume).limit).toBe(950 * GiB);
});

test('auto on a full disk is nothing, never less', () => {
  expect(boundOf({ limit: { kind: 'auto' }, minFree: fivePercent }, { size: 100, free: 1, used: 0 }).limit).toBe(0);
});
