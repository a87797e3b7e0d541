import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Syncs } from '../../src/memo/syncs.ts';
import { MiB } from './memo-rig.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Files whose syncs begin in the order of `begun`, and end by `end`. */
function createFiles() {
  const syncs = new Syncs();
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const add = (name: number, bytes = MiB) =>
    syncs.add(bytes, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: number) => {
    ends.get(name)?.();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { syncs, begun, add, end };
}

test('files are synced when no more of them come, two at a time', async () => {
  const { syncs, begun, add, end } = createFiles();
  for (const name of [1, 2, 3]) {
    add(name);
    await vi.advanceTimersByTimeAsync(400);
  }
  syncs.expect();
  await vi.advanceTimersByTimeAsync(499);
  expect(begun).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual([1, 2]);
  await end(2);
  expect(begun).toEqual([1, 2, 3]);
});

test('a file waits for five seconds at most, however many programs write', async () => {
  const { syncs, begun, add } = createFiles();
  add(1);
  for (let waited = 0; waited < 5000; waited += 100) {
    expect(begun).toEqual([]);
    syncs.expect();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(begun).toEqual([1]);
});

test('many waiting bytes are synced at once, and programs do not run further ahead of the disk', async () => {
  const { syncs, begun, add, end } = createFiles();
  const told = vi.fn();
  for (const name of [1, 2, 3, 4]) add(name, 64 * MiB);
  expect(begun).toEqual([]);
  add(5, 64 * MiB);
  expect(begun).toEqual([1, 2]);
  for (const name of [6, 7, 8]) add(name, 64 * MiB);
  await syncs.room();
  add(9, 64 * MiB);
  void syncs.room().then(told);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).not.toHaveBeenCalled();
  await end(1);
  expect(told).toHaveBeenCalledOnce();
});

test('many waiting files are synced at once, however small', async () => {
  const { syncs, begun, add, end } = createFiles();
  const told = vi.fn();
  for (let name = 1; name <= 33; name += 1) add(name, 1);
  expect(begun).toEqual([1, 2]);
  for (let name = 34; name <= 65; name += 1) add(name, 1);
  void syncs.room().then(told);
  await vi.advanceTimersByTimeAsync(0);
  expect(told).not.toHaveBeenCalled();
  await end(1);
  expect(told).toHaveBeenCalledOnce();
});

test('all files are synced at the end', async () => {
  const { syncs, begun, add, end } = createFiles();
  const told = vi.fn();
  for (const name of [1, 2, 3]) add(name);
  void syncs.settled().then(told);
  for (const name of [1, 2]) await end(name);
  expect(begun).toEqual([1, 2, 3]);
  expect(told).not.toHaveBeenCalled();
  await end(3);
  expect(told).toHaveBeenCalledOnce();
});
