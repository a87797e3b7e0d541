import { expect, test } from 'vitest';
import { policies } from '../../src/policy/policies.ts';
import { missCurve, sampleOf } from '../../src/replay/miss-curve.ts';
import { missSeconds, replay } from '../../src/replay/replay.ts';
import { parseTrace } from '../../src/replay/trace.ts';

/** Numbers from 0 to 1, the same at each run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** Reads of many small files, some of them much more wanted than others. */
function manyReads(reads: number, files: number) {
  const random = numbers(7);
  const lines = Array.from({ length: reads }, (_, k) => `${k * 600},f${Math.floor(files * random() ** 3)},1000000,hdd`);
  return parseTrace('many', ['ts,file,size,tier', ...lines].join('\n'));
}

test('a curve that is not sampled is that of the simulator', async () => {
  const trace = manyReads(500, 50);
  const sizes = [5e6, 20e6, 50e6];
  const { points, sampled } = await missCurve(trace, { sizes, policy: 'heat', from: 0 });
  expect(sampled).toBe(1);
  const whole = sizes.map((capacity) => replay(trace, { capacity, policy: policies.heat, coldRatio: null }));
  expect(points.map(({ seconds }) => seconds)).toEqual(whole.map(missSeconds));
});

test('a sampled one replays a fifth of the reads, and is near the whole one at every size', async () => {
  const trace = manyReads(10_000, 2000);
  const sizes = [0.1, 0.2, 0.4, 0.8].map((share) => share * trace.footprint);
  const request = { sizes, policy: 'lru', from: 0 } as const;
  const whole = await missCurve(trace, request);
  const sample = await missCurve(trace, { ...request, mostReads: 2000 });
  expect(sample.sampled).toBeCloseTo(0.2);
  for (const [k, { seconds }] of sample.points.entries()) {
    const exact = whole.points[k]?.seconds ?? 0;
    expect(Math.abs(seconds - exact) / (whole.points[0]?.seconds ?? 1)).toBeLessThan(0.1);
  }
});

test('a sample has all reads of a file or none', () => {
  const trace = manyReads(2000, 100);
  const { hosts } = sampleOf(trace, 0.3);
  const count = (reads: typeof hosts, file: string) => reads.flat().filter((read) => read.file === file).length;
  const files = new Set(hosts.flat().map(({ file }) => file));
  expect(files.size).toBeGreaterThan(10);
  expect(files.size).toBeLessThan(60);
  for (const file of files) expect(count(hosts, file)).toBe(count(trace.hosts, file));
});

test('what was read before the counted time only fills the cache', async () => {
  const trace = parseTrace('t', ['ts,file,size,tier', '0,a,1000,hdd', '100,b,1000,hdd', '20000,a,1000,hdd'].join('\n'));
  const { points } = await missCurve(trace, { sizes: [1, 5000], policy: 'lru', from: 1000 });
  expect(points.map(({ misses }) => misses)).toEqual([1, 0]);
});
