import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Medium } from '../../src/core/types.ts';
import { type RateKind, RateLimiter, type RateLimits } from '../../src/jobs/rate-limiter.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const step = 1_048_576;
const MB = 1e6;

/** Bytes a medium has been given after `ms` by copies that always want more; timers are late by up to `lateMs`. */
function play(rates: RateLimits, copies: readonly RateKind[], { ms = 20_000, lateMs = 0 } = {}): Map<RateKind, number> {
  const clock = new ManualClock();
  const pacer = new RateLimiter(clock, () => rates);
  const start = clock.monotonic();
  const given = new Map<RateKind, number>();
  const waiting = copies.map((medium) => ({ medium, dueAt: start + pacer.enter(medium, step) }));
  for (;;) {
    const next = waiting.reduce((a, b) => (a.dueAt <= b.dueAt ? a : b));
    const at = next.dueAt + lateMs;
    if (at - start > ms) return given;
    clock.advance(Math.max(0, at - clock.monotonic()));
    given.set(next.medium, (given.get(next.medium) ?? 0) + step);
    next.dueAt = clock.monotonic() + pacer.enter(next.medium, step);
  }
}

const sum = (given: Map<RateKind, number>) => [...given.values()].reduce((a, b) => a + b, 0);

test.each([1, 2, 5])('%i copies share one rate: together they come within 5 % of it', (count) => {
  const given = sum(play({ overall: 100 * MB, by: {} }, Array(count).fill('nas'), { lateMs: 2 }));
  expect(given / 20 / (100 * MB)).toBeGreaterThan(0.95);
  expect(given / 20 / (100 * MB)).toBeLessThan(1.05);
});

test('a rate of one kind of source holds for it and leaves the others alone', () => {
  const given = play({ overall: 200 * MB, by: { nas: 50 * MB } }, ['nas', 'nas', 'hdd']);
  expect((given.get('nas') ?? 0) / 20).toBeCloseTo(50 * MB, -6.5);
  expect(sum(given) / 20 / (200 * MB)).toBeGreaterThan(0.95);
  expect(sum(given) / 20 / (200 * MB)).toBeLessThan(1.05);
});

test('a rate of the other hosts of a farm holds for what they give, and leaves the sources alone', () => {
  const given = play({ overall: null, by: { peer: 50 * MB, nas: 100 * MB } }, ['peer', 'nas', 'peer']);
  expect((given.get('peer') ?? 0) / 20).toBeCloseTo(50 * MB, -6.5);
  expect((given.get('nas') ?? 0) / 20).toBeCloseTo(100 * MB, -6.5);
});

test('after a standstill there is no burst beyond half a second', () => {
  const clock = new ManualClock();
  const pacer = new RateLimiter(clock, () => ({ overall: 10 * MB, by: {} }));
  pacer.enter('hdd', step);
  clock.advance(60_000);
  let bytes = 0;
  while (pacer.enter('hdd', step) === 0) bytes += step;
  expect(bytes).toBeLessThan(0.5 * 10 * MB + 2 * step);
});

test('no rate is ever passed, whatever copies there are', () => {
  const medium = fc.constantFrom<Medium>('hdd', 'nas', 'ssd');
  const rate = fc.option(fc.integer({ min: 5, max: 500 }).map((n) => n * MB));
  fc.assert(
    fc.property(fc.array(medium, { minLength: 1, maxLength: 4 }), rate, rate, (copies, overall, nas) => {
      if (overall === null && (nas === null || copies.some((kind) => kind !== 'nas'))) return;
      const given = play({ overall, by: { nas } }, copies, { ms: 5000 });
      const slack = copies.length * step;
      if (overall !== null) expect(sum(given)).toBeLessThanOrEqual(overall * 5 * 1.05 + slack);
      if (nas !== null) expect(given.get('nas') ?? 0).toBeLessThanOrEqual(nas * 5 * 1.05 + slack);
    }),
    { numRuns: 50 },
  );
});

test('a rate that is changed while copies run holds from then on, within 5 %', () => {
  const clock = new ManualClock();
  const rates: RateLimits = { overall: 100 * MB, by: {} };
  const pacer = new RateLimiter(clock, () => rates);
  const bytesIn = (ms: number) => {
    const end = clock.monotonic() + ms;
    for (let bytes = 0; ; bytes += step) {
      const waitMs = pacer.enter('hdd', step);
      if (clock.monotonic() + waitMs > end) return bytes;
      clock.advance(waitMs);
    }
  };
  for (const rate of [100, 25, 300]) {
    rates.overall = rate * MB;
    const measured = bytesIn(20_000) / 20 / MB;
    expect(measured / rate).toBeGreaterThan(0.95);
    expect(measured / rate).toBeLessThan(1.05);
  }
});
