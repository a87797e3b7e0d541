import { describe, expect, test } from 'vitest';
import { type Reason, reasons } from '../../src/core/types.ts';
import { isHit, isMiss, LookupStats } from '../../src/lookup/stats.ts';

const record = (path: string, reason: Reason = 'HIT', at = 0) => ({ at, path, reason, purpose: 'load' as const, app: null });

test('a hit is an answer from a copy, a miss one that would rather have been; the rest is neither', () => {
  expect(reasons.filter(isHit)).toEqual(['HIT', 'HIT_RAM', 'HIT_OFFLINE', 'HIT_AFTER_WAIT']);
  expect(reasons.filter(isMiss)).toEqual([
    'COPYING',
    'QUEUED',
    'WAIT_TIMEOUT',
    'STALE',
    'NOT_ADMITTED',
    'NO_SPACE',
    'READ_ONLY',
  ]);
});

describe('what was decided about a file', () => {
  test('is told newest first', () => {
    const stats = new LookupStats();
    for (const [at, reason] of (['QUEUED', 'COPYING', 'HIT'] as const).entries()) {
      stats.record(record('/a', reason, at), 1);
      stats.record(record('/b', 'OFF', at), 1);
    }
    expect(stats.decisionsOn('/a').map(({ reason }) => reason)).toEqual(['HIT', 'COPYING', 'QUEUED']);
    expect(stats.decisionsOn('/c')).toEqual([]);
    expect(stats.byReason).toEqual(
      new Map([
        ['QUEUED', 1],
        ['OFF', 3],
        ['COPYING', 1],
        ['HIT', 1],
      ]),
    );
  });

  test('is forgotten in order, so that a daemon that runs for years does not grow', () => {
    const stats = new LookupStats();
    for (let at = 0; at < 10_000; at += 1) stats.record(record('/a', 'HIT', at), 1);
    const told = stats.decisionsOn('/a').map(({ at }) => at);
    expect(told).toHaveLength(2000);
    expect(told.slice(0, 3)).toEqual([9999, 9998, 9997]);
    expect(told.at(-1)).toBe(8000);
    expect(stats.lookups).toBe(10_000);
  });
});

describe('latencies', () => {
  test('before the first lookup are zero', () => {
    const none = { p50: 0, p95: 0, p99: 0 };
    expect(new LookupStats().latencyMs()).toEqual({ hit: none, miss: none });
  });

  test('are told apart for hits and the rest', () => {
    const stats = new LookupStats();
    for (let ms = 1; ms <= 100; ms += 1) stats.record(record('/a'), ms);
    stats.record(record('/a', 'QUEUED'), 7);
    expect(stats.latencyMs()).toEqual({ hit: { p50: 51, p95: 96, p99: 100 }, miss: { p50: 7, p95: 7, p99: 7 } });
  });

  test('are those of the last few thousand: one slow hour is not remembered for ever', () => {
    const stats = new LookupStats();
    for (let index = 0; index < 5000; index += 1) stats.record(record('/a'), 1000);
    for (let index = 0; index < 5000; index += 1) stats.record(record('/a'), 1);
    expect(stats.latencyMs().hit.p99).toBe(1);
  });
});
