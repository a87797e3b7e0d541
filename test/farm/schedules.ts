import fc from 'fast-check';
import { expect } from 'vitest';
import type { HostPlan, Schedule } from './simulated-host.ts';
import { Simulation, uploads } from './simulation.ts';

/** Long after any of these farms has everything, ms. */
export const never = 3_600_000;

const host: fc.Arbitrary<HostPlan> = fc.record({
  joinsAt: fc.integer({ min: 0, max: 20_000 }),
  chunkTime: fc.integer({ min: 20, max: 2000 }),
  knownChunkTime: fc.option(fc.integer({ min: 20, max: 5000 }), { nil: undefined }),
  diesAt: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined, freq: 4 }),
  hangs: fc.option(fc.record({ at: fc.nat(30_000), for: fc.integer({ min: 500, max: 40_000 }) }), {
    nil: undefined,
    freq: 4,
  }),
  lies: fc.option(fc.constant(true), { nil: undefined, freq: 5 }),
});
const schedule: fc.Arbitrary<Schedule> = fc.record({
  chunks: fc.integer({ min: 1, max: 40 }),
  seed: fc.integer(),
  originChunkTime: fc.integer({ min: 20, max: 5000 }),
  slots: fc.integer({ min: 1, max: 4 }),
  hosts: fc.array(host, { minLength: 1, maxLength: 8 }),
  away: fc.option(fc.record({ at: fc.nat(30_000), for: fc.integer({ min: 100, max: 30_000 }) }), { nil: undefined }),
  cut: fc.option(
    fc.record({ at: fc.nat(30_000), for: fc.integer({ min: 100, max: 30_000 }), far: fc.integer({ min: 1, max: 7 }) }),
    { nil: undefined },
  ),
  alone: fc.option(
    fc.record({ at: fc.nat(30_000), for: fc.integer({ min: 100, max: 30_000 }), hosts: fc.integer({ min: 1, max: 7 }) }),
    { nil: undefined },
  ),
  flushedAt: fc.option(fc.nat(30_000), { nil: undefined }),
});

export async function simulate(schedule: Schedule): Promise<Simulation> {
  const simulation = new Simulation(schedule);
  await simulation.run(never);
  return simulation;
}

/**
 * Every live host has every chunk in the end; and where nothing went wrong, nobody stood still, and the origin was read once. It may be read
 * again beside slow hosts, but by none of them twice.
 */
export async function checkSchedules(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      const farm = await simulate(plan);
      expect(farm.live.filter(({ finishedAt }) => finishedAt === null)).toEqual([]);
      const isCalm =
        !plan.away &&
        !plan.cut &&
        !plan.alone &&
        plan.flushedAt === undefined &&
        plan.hosts.every((one) => !one.diesAt && !one.hangs && !one.lies);
      if (!isCalm) return;
      const { chunks, originChunkTime, hosts } = plan;
      const slowestGiven = uploads * Math.max(...hosts.map((one) => one.chunkTime));
      const quickest = Math.min(originChunkTime, ...hosts.map((one) => one.knownChunkTime ?? originChunkTime));
      const isSlow = slowestGiven > Math.min(2000, 3 * quickest) && farm.questions['lost'] !== undefined;
      expect(farm.originReads).toBeGreaterThanOrEqual(chunks);
      expect(farm.originReads).toBeLessThanOrEqual(isSlow ? chunks * hosts.length : chunks);
      const slowest = Math.max(
        plan.originChunkTime * plan.slots,
        ...plan.hosts.map((one) => one.chunkTime * plan.hosts.length),
      );
      expect(Math.max(...farm.hosts.map((one) => one.longestPause))).toBeLessThan(5000 + slowest);
    }),
    { numRuns },
  );
}

const quickHost = { joinsAt: 0, chunkTime: 160 } satisfies HostPlan;

export function farmOf(hosts: number, more: Partial<Schedule> = {}): Schedule {
  return {
    chunks: 128,
    seed: 1,
    originChunkTime: 320,
    slots: 4,
    hosts: Array.from({ length: hosts }, () => quickHost),
    ...more,
  };
}

export function withFirst(schedule: Schedule, plan: Partial<HostPlan>, index = 0): Schedule {
  return { ...schedule, hosts: schedule.hosts.map((host, at) => (at === index ? { ...host, ...plan } : host)) };
}

/** When each live host had everything, ms. */
export const times = (simulation: Simulation) =>
  simulation.live.map(({ finishedAt }) => finishedAt ?? Number.POSITIVE_INFINITY);
