import { describe, expect, test } from 'vitest';
import { Speeds } from '../../src/lookup/speeds.ts';

const MB = 1e6;
const nas = { root: '/nas', medium: 'nas' as const };

describe('how fast a source is', () => {
  test('is assumed by its medium until it was measured, root by root', () => {
    const speeds = new Speeds();
    speeds.learn('/nas', 1000 * MB, 2000);
    expect(speeds.of('/nas', 'nas')).toBe(500 * MB);
    expect(speeds.of('/other', 'nas')).toBe(110 * MB);
  });

  test('follows what is measured, and one odd copy does not turn it over', () => {
    const speeds = new Speeds();
    speeds.learn('/nas', 1000 * MB, 10_000);
    speeds.learn('/nas', 1000 * MB, 1000);
    expect(speeds.of('/nas', 'nas')).toBeCloseTo(370 * MB, -3);
    for (let copy = 0; copy < 30; copy += 1) speeds.learn('/nas', 1000 * MB, 1000);
    expect(speeds.of('/nas', 'nas')).toBeGreaterThan(990 * MB);
  });

  test('is not learned from small files or from a read that took no time', () => {
    const speeds = new Speeds();
    speeds.learn('/nas', 1000, 1);
    speeds.learn('/nas', 1000 * MB, 0);
    expect(speeds.of('/nas', 'nas')).toBe(110 * MB);
  });
});

test('seconds saved are the difference of two reads, and never less than none', () => {
  const speeds = new Speeds();
  expect(speeds.secondsSaved(nas, 'ssd', 1100 * MB)).toBeCloseTo(10 - 0.55, 6);
  speeds.learn('/nas', 10_000 * MB, 1000);
  expect(speeds.secondsSaved(nas, 'ssd', 1100 * MB)).toBe(0);
});
