import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { estimateFirstLoad, type FirstLoad, worthWaiting } from '../../src/lookup/worth-waiting.ts';
import { isMapped } from '../../src/weights/extensions.ts';

const GB = 1e9;
const minute = 60_000;
/** A 7 GB checkpoint, nothing copied yet. */
const hdd = { size: 7 * GB, left: 7 * GB, ahead: 0, sequential: 150e6, smallReadMs: 9, tier: 2e9, mapped: true };
const nas = { ...hdd, sequential: 110e6, smallReadMs: 1.5 };

describe('the first load of a model', () => {
  test.each<[string, FirstLoad, number, boolean]>([
    ['mapped, from an HDD: faults seek, the copy does not', hdd, 10 * minute, true],
    ['mapped, from a NAS: every fault is a round trip', nas, 10 * minute, true],
    ['mapped, from a NAS that is as quick as a local disk', { ...nas, sequential: 1e9, smallReadMs: 0.05 }, 10 * minute, false],
    ['read from front to back: the copy takes as long as the load', { ...hdd, mapped: false }, 10 * minute, false],
    ['read from front to back, and the SSD is quick', { ...hdd, mapped: false, tier: 4e9 }, 10 * minute, true],
    ['read from front to back, half copied', { ...hdd, mapped: false, left: 3.5 * GB }, 10 * minute, true],
    [
      'read from front to back, and so small that its copy is there within a second',
      { ...hdd, size: 5e7, left: 5e7, mapped: false },
      10 * minute,
      true,
    ],
    ['mapped, but the asker waits too short', hdd, 30_000, false],
    ['mapped, nearly copied, and the asker waits short', { ...hdd, left: 0.5 * GB }, 30_000, true],
    ['mapped, from an HDD, behind a copy of 3 GB', { ...hdd, ahead: 3 * GB }, 10 * minute, true],
    ['mapped, from a NAS, behind a copy of 40 GB', { ...nas, ahead: 40 * GB }, 10 * minute, false],
    ['mapped, with a bound on the rate of copying', { ...nas, sequential: 5e6 }, 10 * minute, false],
    ['mapped, on a source without latency and an SSD no faster', { ...hdd, smallReadMs: 0, tier: 150e6 }, 10 * minute, false],
  ])('%s', (_what, load, boundMs, wait) => {
    expect(worthWaiting(load, boundMs)).toBe(wait);
  });

  test('is estimated as it would be: 7 GB from an HDD', () => {
    const { copyMs, viaCopyMs, directMs } = estimateFirstLoad(hdd);
    expect(copyMs).toBeCloseTo(46_817, 0);
    expect(viaCopyMs).toBeCloseTo(50_317, 0);
    expect(directMs).toBeGreaterThan(500_000);
  });

  const amount = fc.double({ min: 1, max: 1e12, noNaN: true });
  const loads = fc.record({
    size: amount,
    left: amount,
    ahead: fc.double({ min: 0, max: 1e12, noNaN: true }),
    sequential: amount,
    smallReadMs: fc.double({ min: 0, max: 1000, noNaN: true }),
    tier: amount,
    mapped: fc.boolean(),
  });

  test('never waits for what is more than 5 % later, unless by less than a second, nor for what is too late for the asker', () => {
    fc.assert(
      fc.property(loads, fc.double({ min: 0, max: 1e9, noNaN: true }), (load, boundMs) => {
        const { copyMs, viaCopyMs, directMs } = estimateFirstLoad(load);
        if (worthWaiting(load, boundMs))
          expect(copyMs <= boundMs && (copyMs <= 1000 || viaCopyMs <= directMs * 1.05)).toBe(true);
      }),
    );
  });

  test('waits the more readily, the more is copied', () => {
    fc.assert(
      fc.property(loads, fc.double({ min: 0, max: 1, noNaN: true }), (load, share) => {
        if (worthWaiting(load, minute)) expect(worthWaiting({ ...load, left: load.left * share }, minute)).toBe(true);
      }),
    );
  });
});

test.each([
  ['a.safetensors', true],
  ['A.SFT', true],
  ['q4.gguf', true],
  ['a.ckpt', false],
  ['model.bin', false],
])('%s: mapped %s', (path, mapped) => {
  expect(isMapped(path)).toBe(mapped);
});
