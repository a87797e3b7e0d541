import { expect, onTestFinished, test, vi } from 'vitest';
import type { SourceState } from '../../src/core/types.ts';
import { Roots } from '../../src/roots/registry.ts';
import { SourceStats } from '../../src/roots/source-stats.ts';

/** A root that says nothing in time, of which this is known. */
function silentRoot(known: { away: boolean; slow: boolean }) {
  const roots = new Roots('linux');
  roots.add({ path: '/nas', origin: 'config', kind: 'nas' });
  const asked: string[] = [];
  const doubts: boolean[] = [];
  const never = new Promise<SourceState>(() => {});
  const stats = new SourceStats({
    roots,
    host: {
      isKnownSlow: () => known.slow,
      stat: async (_path, { brief, deadlineMs }) => {
        asked.push(brief ? 'brief' : 'patient');
        return brief ? { state: 'slow', why: `no answer within ${deadlineMs} ms` } : never;
      },
    },
    isAway: () => known.away,
    onDoubt: (_root, isAway) => doubts.push(isAway),
  });
  return { stats, asked, doubts, ask: () => stats.ask('/nas/a.safetensors', 'loader') };
}

test('the first silence of a source is no outage; it is waited for, and its root is looked at', async () => {
  const { asked, doubts, ask } = silentRoot({ away: false, slow: false });
  expect(await ask()).toEqual({ state: 'slow', why: 'no answer within 150 ms' });
  expect(await ask()).toMatchObject({ state: 'slow' });
  // While it is waited for, nobody asks again.
  expect(asked).toEqual(['brief', 'patient']);
  expect(doubts).toEqual([true]);
});

test('a source that is known to be slow is not looked at each time', async () => {
  const { asked, doubts, ask } = silentRoot({ away: false, slow: true });
  expect(await ask()).toMatchObject({ state: 'slow' });
  expect(asked).toEqual(['brief']);
  expect(doubts).toEqual([false]);
});

test('the silence of a root that is known to be away is its outage', async () => {
  const { ask } = silentRoot({ away: true, slow: false });
  expect(await ask()).toEqual({ state: 'away', why: 'no answer within 150 ms' });
});

test('while a command waits for a silent source, its root is looked at after a second', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { stats, doubts } = silentRoot({ away: false, slow: false });
  void stats.ask('/nas/a.safetensors', 'command');
  await vi.advanceTimersByTimeAsync(999);
  expect(doubts).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(doubts).toEqual([true]);
});
