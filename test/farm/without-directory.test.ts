import { describe, expect, test } from 'vitest';
import { Swarm } from '../../src/farm/swarm.ts';
import { farmOf, never, simulate, times, withFirst } from './schedules.ts';

describe('without the directory', () => {
  test('each host goes on with the peers it knows, and the origin', async () => {
    const farm = await simulate(farmOf(4, { away: { at: 5000, for: never } }));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(Math.max(...times(farm))).toBeLessThan(4 * 128 * 320 * 1.1);
  });

  test.each([2, 4, 8])('%i hosts that know each other still read little more than once', async (hosts) => {
    const farm = await simulate(farmOf(hosts, { away: { at: 1000, for: never } }));
    expect(farm.originReads / 128).toBeLessThan(1.25);
    expect(Math.max(...times(farm)) / (128 * 320)).toBeLessThan(1.5);
  });

  test.each([
    [2, 2, 13, 200],
    [2, 2, 128, 320],
    [4, 4, 128, 320],
    [3, 5, 64, 1500],
  ])(
    '%i hosts that are cut off from it, and from %i others, read little more than once, and so do those (%i chunks, %i ms)',
    async (far, near, chunks, originChunkTime) => {
      for (let seed = 0; seed < 10; seed++) {
        const cut = { at: 1000, for: never, far };
        const farm = await simulate(farmOf(far + near, { chunks, originChunkTime, cut, seed }));
        expect(times(farm).every(Number.isFinite)).toBe(true);
        const longestPause = Math.max(...farm.hosts.map((host) => host.longestPause));
        expect(longestPause).toBeLessThan(2500 + originChunkTime * (far + near));
        const reads = (isFar: boolean) =>
          farm.hosts.filter((host) => host.isFar === isFar).reduce((sum, host) => sum + host.originReads, 0);
        expect(reads(true) / chunks).toBeLessThan(1.25);
        expect(reads(false) / chunks).toBeLessThan(1.25);
      }
    },
  );

  test.each([
    [1, 1, 128, 320],
    [1, 2, 128, 320],
    [1, 3, 13, 200],
    [2, 3, 128, 320],
    [1, 7, 64, 1500],
  ])(
    '%i hosts that do not reach it leave the origin to %i others that do (%i chunks, %i ms)',
    async (lone, others, chunks, originChunkTime) => {
      for (let seed = 0; seed < 3; seed++) {
        const alone = { at: 1000, for: never, hosts: lone };
        const farm = await simulate(farmOf(lone + others, { chunks, originChunkTime, alone, seed }));
        expect(times(farm).every(Number.isFinite)).toBe(true);
        // A run that each began while it reached the directory, and what it read before another one said that it claims.
        expect(farm.originReads).toBeLessThanOrEqual(chunks + 2 * lone);
        expect(Math.max(...farm.hosts.map((host) => host.longestPause))).toBeLessThan(2000 + originChunkTime * (lone + others));
      }
    },
  );

  test('a host does not wait for one that fetches nothing more', async () => {
    const farm = await simulate(withFirst(farmOf(2, { away: { at: 1000, for: never } }), { diesAt: 4000 }));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.originReads / 128).toBeLessThan(1.1);
    expect(Math.max(...times(farm)) / (128 * 320)).toBeLessThan(1.5);
  });

  test('a host does not wait for one whose source is away', async () => {
    const farm = await simulate(withFirst(farmOf(2, { away: { at: 1000, for: never } }), { sourceAway: true }));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.originReads).toBe(128);
    expect(Math.max(...times(farm)) / (128 * 320)).toBeLessThan(1.25);
  });
});

test('a late answer of a peer says nothing more once the directory is back', () => {
  const swarm = new Swarm(8, { now: 0, random: () => 0 });
  swarm.directoryAway();
  swarm.peerHas('a', [0], 0);
  swarm.directoryBack(10);
  swarm.peerAnswers('a', false, 5);
  expect(swarm.next(20).map(({ is }) => is)).toContain('ask');
});
