import { describe, expect, test } from 'vitest';
import { mostHolders } from '../../src/farm/directory.ts';
import { Peer } from '../../src/farm/peer.ts';
import { type Action, Swarm } from '../../src/farm/swarm.ts';
import { slowTests } from '../helpers/slow.ts';
import { checkSchedules, farmOf, never, simulate, times, withFirst } from './schedules.ts';

describe('a farm that fetches a content', () => {
  test('eight hosts read the origin once, and finish almost together, near the time that the origin needs', async () => {
    const farm = await simulate(farmOf(8));
    const ideal = 128 * 320;
    expect(farm.originReads).toBe(128);
    expect(Math.max(...times(farm)) / ideal).toBeLessThan(1.5);
    expect(Math.max(...times(farm)) / Math.min(...times(farm))).toBeLessThan(1.5);
  });

  test.each([1, 2, 3])('over links on which a chunk takes 3 s, each is read little more than once (seed %i)', async (seed) => {
    const hosts = Array.from({ length: 8 }, () => ({ joinsAt: 0, chunkTime: 3355 }));
    const farm = await simulate(farmOf(0, { hosts, seed, originChunkTime: 335 }));
    expect(farm.originReads / 128).toBeLessThanOrEqual(1.05);
    expect(Math.max(...times(farm)) / (128 * 3355)).toBeLessThan(1.25);
  });

  test('a host alone takes as long as without a farm', async () => {
    const farm = await simulate(farmOf(1));
    expect(farm.originReads).toBe(128);
    expect(times(farm)[0]).toBeLessThan(1.05 * 128 * 320);
  });

  test('a late host reads nothing from the origin', async () => {
    const farm = await simulate(withFirst(farmOf(4), { joinsAt: 60_000 }));
    expect(farm.originReads).toBe(128);
    expect(Math.max(...times(farm)) - 60_000).toBeLessThan((128 * 160) / 0.8);
  });

  test('a slow origin does not lose its claims while bytes arrive', async () => {
    const farm = await simulate(farmOf(4, { chunks: 12, originChunkTime: 4000 }));
    expect(farm.originReads).toBe(12);
  });

  test('a host reads one run at once of an origin that takes long for a chunk, and the next one early of a quick one', () => {
    const isClaim = ({ is }: Action) => is === 'claim';
    const claimsBeside = (chunkTime: number) => {
      const swarm = new Swarm(64, { now: 0, random: () => 0 });
      const [first, second] = [0, 1].map((from) => ({ from, to: from + 1 }));
      if (!first || !second) throw new Error('two runs');
      swarm.next(0);
      swarm.claimed({ is: 'claimed', claim: { ...first, fence: 'a' } }, 0);
      swarm.originRead(0, chunkTime);
      swarm.originEnded(first, chunkTime);
      expect(swarm.next(chunkTime).some(isClaim)).toBe(true);
      swarm.claimed({ is: 'claimed', claim: { ...second, fence: 'b' } }, chunkTime);
      return swarm.next(chunkTime + 1).some(isClaim);
    };
    expect([claimsBeside(3000), claimsBeside(300)]).toEqual([false, true]);
  });

  test('chunks that come slowly are not lost while bytes of them arrive', () => {
    const swarm = new Swarm(2, { now: 0, random: () => 0 });
    const kinds = (at: number) => swarm.next(at).map(({ is }) => is);
    swarm.peerHas('a', [0], 0);
    expect(kinds(0)).toContain('ask');
    swarm.claimed({ is: 'none' }, 0);
    for (let at = 100; at < 3000; at += 100) {
      swarm.heard(at);
      expect(kinds(at)).not.toContain('lost');
      swarm.claimed({ is: 'none' }, at);
    }
    expect(kinds(10_000)).toContain('lost');
  });

  test('the origin is read by as many hosts as it has slots, whatever the number of hosts', async () => {
    const farm = await simulate(farmOf(16, { slots: 1, chunks: 32 }));
    expect(farm.originReads).toBe(32);
  });

  test('a chunk whose only holder died is read again by another', async () => {
    const farm = await simulate(withFirst(farmOf(2, { chunks: 40 }), { diesAt: 6000 }));
    expect(times(farm)).toEqual([expect.any(Number)]);
    expect(times(farm)[0]).toBeLessThan(never);
    expect(farm.live[0]?.longestPause).toBeLessThan(5000);
  });

  const isDead = (at: number) => ({ diesAt: at });
  const hangs = (at: number) => ({ hangs: { at, for: never } });
  test.each([
    ['is dead', 20, isDead],
    ['is dead', 320, isDead],
    ['hangs', 20, hangs],
    ['hangs', 320, hangs],
    ['hangs while it gives', 20, (at: number) => hangs(at + 500)],
    ['has long left', 20, (at: number) => isDead(at - 18_000)],
  ])(
    'an only holder that %s costs 1.5 s at most, where the origin takes %i ms for a chunk',
    async (_, originChunkTime, fault) => {
      const chunks = 512;
      const quick = { joinsAt: 0, chunkTime: 10 };
      const [alone = never] = times(await simulate(farmOf(1, { chunks, originChunkTime, hosts: [quick] })));
      const joinsAt = alone + 20_000;
      const hosts = [
        { ...quick, ...fault(joinsAt) },
        { ...quick, joinsAt },
      ];
      const farm = await simulate(farmOf(2, { chunks, originChunkTime, hosts }));
      const late = farm.hosts[1];
      expect(farm.originReads).toBeGreaterThan(chunks);
      expect(late?.longestPause).toBeLessThanOrEqual(1500);
      expect((late?.finishedAt ?? never) - joinsAt - alone).toBeLessThanOrEqual(1500);
    },
  );

  describe('whose only giver is slow', () => {
    const chunks = 128;
    const giver = { joinsAt: 0, chunkTime: 8000 };
    const joinsAt = 1.1 * chunks * 8000;
    const late = async (hosts: number, originChunkTime: number) => {
      const plans = Array.from({ length: hosts }, () => ({ joinsAt, chunkTime: 40 }));
      const farm = await simulate(farmOf(0, { chunks, originChunkTime, hosts: [giver, ...plans] }));
      const times = farm.hosts.slice(1).map(({ finishedAt }) => (finishedAt ?? never) - joinsAt);
      return { reads: farm.originReads - chunks, slowest: Math.max(...times) };
    };

    test.each([
      [1, 1.5],
      [4, 1.5],
      [8, 2],
    ])('%i hosts read a fast origin beside it, in less than %d times its time', async (hosts, most) => {
      const { reads, slowest } = await late(hosts, 80);
      expect(slowest).toBeLessThan(most * chunks * 80 + 7000);
      expect(reads / chunks).toBeLessThanOrEqual(1.05);
    });

    describe('or less than the origin was in former copies', () => {
      const quick = { joinsAt: 0, chunkTime: 800 };
      const later = async (originChunkTime: number, knownChunkTime?: number) => {
        const joinsAt = 1.1 * chunks * Math.max(800, originChunkTime);
        const hosts = [quick, { joinsAt, chunkTime: 40, knownChunkTime }];
        const farm = await simulate(farmOf(0, { chunks, originChunkTime, hosts }));
        return { reads: farm.originReads - chunks, time: (farm.hosts[1]?.finishedAt ?? never) - joinsAt };
      };

      test('it reads the origin beside it', async () => {
        const unknown = await later(80);
        expect(unknown.reads).toBe(0);
        expect(unknown.time).toBeGreaterThan(0.9 * chunks * 800);
        const known = await later(80, 80);
        expect(known.time).toBeLessThan(1.5 * chunks * 80 + 7000);
        expect(known.reads).toBeLessThanOrEqual(chunks);
      });

      test('it tries an origin once that is slower than it was', async () => {
        const { reads, time } = await later(4000, 80);
        expect(reads).toBe(1);
        expect(time).toBeLessThan(1.1 * chunks * 800);
      });
    });

    test('a host tries an origin once that is as slow', async () => {
      const { reads, slowest } = await late(1, 8000);
      expect(reads).toBeLessThanOrEqual(1);
      expect(slowest).toBeLessThan(1.05 * chunks * 8000);
    });
  });

  test('a host that dies half-way costs at most the runs that it was reading', async () => {
    const farm = await simulate(withFirst(farmOf(8), { diesAt: 20_000 }));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.originReads / 128).toBeLessThan(1.1);
  });

  test('a host that lies is asked once by each, and all others have the content', async () => {
    const farm = await simulate(withFirst(farmOf(8), { lies: true }, 2));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.wrongChunks).toBeGreaterThan(0);
    expect(farm.wrongChunks).toBeLessThanOrEqual(7 * 2);
  });

  test('a host that hangs delays nobody for longer than a moment', async () => {
    const farm = await simulate(withFirst(farmOf(8), { hangs: { at: 10_000, for: 30_000 } }));
    const others = farm.hosts.slice(1);
    expect(Math.max(...others.map(({ finishedAt }) => finishedAt ?? never)) / (128 * 320)).toBeLessThan(1.5);
    expect(farm.originReads / 128).toBeLessThan(1.1);
  });

  test('of more hosts than each is told of all end with every chunk, with dead and lying ones among them', {
    tags: 'slow',
  }, async () => {
    const hosts = mostHolders + 16;
    const plan = farmOf(hosts, { chunks: 12 });
    const faulty = plan.hosts.map((host, index) => {
      if (index % 10 === 3) return { ...host, diesAt: 2000 + 50 * index };
      return index % 10 === 7 ? { ...host, lies: true } : host;
    });
    const farm = await simulate({ ...plan, hosts: faulty });
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.wrongChunks).toBeGreaterThan(0);
    expect(farm.originReads / 12).toBeLessThan(2);
  });

  test('a directory that forgot everything costs a few chunks', async () => {
    const farm = await simulate(farmOf(8, { flushedAt: 15_000 }));
    expect(times(farm).every(Number.isFinite)).toBe(true);
    expect(farm.originReads / 128).toBeLessThan(1.25);
  });

  test('every live host ends with every chunk, whatever dies, lies, hangs or is lost', () =>
    checkSchedules(slowTests ? 300 : 60));
});

describe('a host that does not answer', () => {
  test('is asked again a second later, however many requests to it were under way', () => {
    const peer = new Peer('a', 8);
    peer.silent(500);
    peer.silent(510);
    expect(peer.isOut(600)).toBe(true);
    expect(peer.canTakeRequest(1500)).toBe(true);
  });

  test('is left alone for a minute when it is silent again', () => {
    const peer = new Peer('a', 8);
    peer.silent(500);
    peer.silent(1600);
    expect(peer.isOut(61_000)).toBe(true);
  });
});
