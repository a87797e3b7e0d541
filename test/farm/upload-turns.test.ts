import { expect, test, vi } from 'vitest';
import { UploadTurns } from '../../src/farm/upload-turns.ts';

test('bytes leave at the rate, and first those that a program waits for', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  try {
    const turns = new UploadTurns();
    turns.rate = 1000;
    const gone: string[] = [];
    const leave = (name: string, isAwaited: boolean) => void turns.turn(100, isAwaited).then(() => gone.push(name));
    for (const name of ['a', 'b', 'c']) leave(name, false);
    leave('waited for', true);
    leave('waited for too', true);
    await vi.advanceTimersByTimeAsync(10);
    expect(gone).toEqual(['waited for']);
    await vi.advanceTimersByTimeAsync(200);
    expect(gone).toEqual(['waited for', 'waited for too', 'a']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(gone).toEqual(['waited for', 'waited for too', 'a', 'b', 'c']);
  } finally {
    vi.useRealTimers();
  }
});

test('without a bound nothing waits, also what waited before', async () => {
  const turns = new UploadTurns();
  await turns.turn(2 ** 30, false);
  turns.rate = 1;
  await turns.turn(2 ** 20, false);
  const held = turns.turn(1, false);
  turns.rate = null;
  await held;
});

test('under a limit, a large request gets a part of it at a time, and without one all', async () => {
  const turns = new UploadTurns();
  expect(await turns.turn(2 ** 20, false)).toBe(2 ** 20);
  turns.rate = 2 ** 30;
  expect(await turns.turn(2 ** 30, false)).toBe(20 * 2 ** 20 + 7 * 64 * 1024);
  turns.rate = 2 ** 20;
  expect(await turns.turn(2 ** 20, false)).toBe(64 * 1024);
  expect(await turns.turn(100, false)).toBe(100);
});
