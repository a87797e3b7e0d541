import { expect, test } from 'vitest';
import { overallText } from '../../src/cli/jobs-view.ts';
import { queued, running } from './samples.ts';

const gib = 2 ** 30;
const half = { ...running, id: 1, bytesDone: 2 * gib, bytesTotal: 4 * gib, bytesPerSecond: gib / 4 };
const waiting = { ...queued, id: 2, bytesDone: 0, bytesTotal: 2 * gib, bytesPerSecond: 0 };
const over = { ...running, id: 3, state: 'done' as const, bytesDone: gib, bytesTotal: gib, bytesPerSecond: 0 };

test('several copies are told as a whole, with the time that the rest takes', () => {
  expect(overallText([half, waiting, over])).toBe('1 of 3 files, 3 GiB of 7 GiB, 16s left');
});

test('nothing is said of the time while nothing moves, and nothing at all of a single copy', () => {
  expect(overallText([{ ...half, bytesPerSecond: 0 }, waiting])).toBe('0 of 2 files, 2 GiB of 6 GiB');
  expect(overallText([half])).toBeNull();
});

test('a copy that failed is over', () => {
  const failed = { ...waiting, state: 'failed' as const };
  expect(overallText([failed, over])).toBe('2 of 2 files, 3 GiB of 3 GiB');
});
