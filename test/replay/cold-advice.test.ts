import { expect, test } from 'vitest';
import { coldAdvice } from '../../src/replay/cold-advice.ts';
import { parseTrace } from '../../src/replay/trace.ts';

const GB = 1e9;
const day = 24 * 3600;

/** Twelve models of 10 GB in turns, a day each, in a cache for ten: some must leave, and all fit when some are compressed. */
function inTurns(ratio: string) {
  const lines = Array.from({ length: 120 }, (_, k) => `${k * day},f${k % 12},${10 * GB},hdd,${ratio}`);
  return parseTrace('turns', ['ts,file,size,tier,ratio', ...lines].join('\n'));
}
const request = { policy: 'lru', from: 0, limit: 100 * GB, isOn: false, measured: null } as const;

test('compressing pays where what is restored would be read from a slow disk', async () => {
  const advice = await coldAdvice(inTurns('2'), request);
  expect(advice).toMatchObject({ change: 'cold', isOn: false, measured: false, restoreSpeed: 0.7 * GB, ratio: 2 });
  expect(advice?.restores).toBeGreaterThan(20);
  // Each of these loads took a minute from its disk, and takes 14 s of restoring.
  const each = (10 * GB) / 150e6 - (10 * GB) / 2e9 - (10 * GB) / 0.7e9;
  expect(advice?.saves).toBeGreaterThan(each * 20);
  const isOn = await coldAdvice(inTurns('2'), { ...request, isOn: true });
  expect(isOn).toEqual({ ...advice, isOn: true, change: null });
});

test('it costs where restores here are as slow as the disk', async () => {
  const slow = { ...request, measured: 151e6 };
  const advice = await coldAdvice(inTurns('2'), slow);
  expect(advice).toMatchObject({ change: null, measured: true, restoreSpeed: 151e6 });
  expect(advice?.saves).toBeLessThan(-60);
  expect(await coldAdvice(inTurns('2'), { ...slow, isOn: true })).toMatchObject({ change: 'off' });
});

test('models that do not shrink gain nothing, and of unknown ones nothing is said', async () => {
  expect(await coldAdvice(inTurns('1'), request)).toMatchObject({ saves: 0, restores: 0, change: null, ratio: 1 });
  expect(await coldAdvice(inTurns(''), request)).toBeNull();
});
