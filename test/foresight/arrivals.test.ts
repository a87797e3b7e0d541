import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { SourceState } from '../../src/core/types.ts';
import { Arrivals } from '../../src/foresight/arrivals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function open() {
  const states = new Map<string, SourceState>();
  const onWhole = vi.fn();
  const stat = vi.fn(async (path: string): Promise<SourceState> => states.get(path) ?? { state: 'missing' });
  const log = { debug: vi.fn() } as never;
  const arrivals = new Arrivals({ stat, onWhole, clock: { now: () => Date.now() }, log });
  onTestFinished(() => arrivals[Symbol.asyncDispose]());
  const isThere = (path: string, size: number, changedAt = Date.now()) =>
    states.set(path, { state: 'present', fingerprint: { size, mtimeNs: `${changedAt}000000`, ino: '1' } });
  const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);
  return { arrivals, states, onWhole, stat, isThere, seconds };
}

test('a file is whole when it has stayed as it is for half a minute', async () => {
  const { arrivals, onWhole, isThere, seconds } = open();
  isThere('/a', 1);
  arrivals.note(['/a']);
  for (let size = 2; size < 6; size++) {
    await seconds(20);
    isThere('/a', size);
  }
  await seconds(25);
  expect(onWhole).not.toHaveBeenCalled();
  await seconds(40);
  expect(onWhole.mock.calls).toEqual([['/a']]);
});

test('one that is gone, away, or as old as a folder that could not be read meanwhile is forgotten', async () => {
  const { arrivals, onWhole, states, stat, isThere, seconds } = open();
  isThere('/old', 1, Date.now() - 3 * 86_400_000);
  states.set('/away', { state: 'away', why: 'silent' });
  arrivals.note(['/old', '/away', '/gone']);
  await seconds(1);
  expect(stat).toHaveBeenCalledTimes(3);
  await seconds(600);
  expect(stat).toHaveBeenCalledTimes(3);
  expect(onWhole).not.toHaveBeenCalled();
});

test('a library that is moved is no download', async () => {
  const { arrivals, stat, seconds } = open();
  arrivals.note(Array.from({ length: 33 }, (_, k) => `/${k}`));
  await seconds(60);
  expect(stat).not.toHaveBeenCalled();
});
