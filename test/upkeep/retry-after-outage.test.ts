import { expect, onTestFinished, test, vi } from 'vitest';
import type { JobView, RootView } from '../../src/api/api.ts';
import { Events } from '../../src/runtime/events.ts';
import { retryAfterOutage } from '../../src/upkeep/retry-after-outage.ts';

function arrange() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const events = new Events();
  const failed = new Set<string>();
  const copyAgain = vi.fn<(paths: string[]) => void>();
  const end = retryAfterOutage({
    events,
    sources: { locate: () => ({ root: '/nas' }), check: async () => {} },
    failures: { takeAway: () => [...failed], backOffMs: () => 2000 },
    warmer: { warm: async ({ paths }) => copyAgain(paths) },
  });
  const fail = (path: string, code = 'SOURCE_AWAY') => {
    failed.add(path);
    events.emit('job-failed', { path, error: { code, message: '' } } as JobView);
  };
  const health = (state: RootView['health']) => events.emit('root-health', { path: '/nas', health: state } as RootView);
  return { fail, health, copyAgain, end };
}

test('copies that an outage cut short are made when the root is back, all together and once', async () => {
  const { fail, health, copyAgain } = arrange();
  health('away');
  fail('/nas/a');
  fail('/nas/b', 'SOURCE_IO');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(copyAgain).not.toHaveBeenCalled();
  health('ok');
  expect(copyAgain.mock.calls).toEqual([[['/nas/a', '/nas/b']]]);
});

test('an outage too short to be seen costs one pause, not the copy', async () => {
  const { fail, copyAgain } = arrange();
  fail('/nas/a');
  await vi.advanceTimersByTimeAsync(1999);
  expect(copyAgain).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(copyAgain).toHaveBeenCalledExactlyOnceWith(['/nas/a']);
});

test('a file that cannot be read, on a root that is there, is left alone; a daemon that stops takes nothing up', async () => {
  const { fail, copyAgain, end } = arrange();
  fail('/nas/a', 'SOURCE_IO');
  fail('/nas/b', 'SOURCE_AWAY');
  await vi.advanceTimersByTimeAsync(0);
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(copyAgain).not.toHaveBeenCalled();
});
