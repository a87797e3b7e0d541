import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { UploadTurns } from '../../src/farm/upload-turns.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { opensUncached } from '../helpers/temp-dir.ts';
import { farmOn, nasWith, originBytes, slowDriver } from './farm-hosts.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('./farm-hosts.ts')).patientLink }));

const size = 11 * chunkSize + 4321;

describe.skipIf(noRedis !== null)(`hosts of a farm${leftOut}`, { timeout: patience(60_000) }, () => {
  test('that want a model at once read it from the origin together, not each for itself', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const hosts = [await start(), await start(), await start()];
    const driver = slowDriver(nas.root, () => sleep(5));
    const reports = await Promise.all(hosts.map((host) => host.copy(nas, { driver })));
    for (const host of hosts) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(new Set(reports.map(({ hash }) => hash)).size).toBe(1);
    expect(originBytes(reports)).toBeLessThan(1.5 * size);
    expect(originBytes(reports)).toBeGreaterThanOrEqual(size);
  });

  test('one that comes later gets all of it from the one that has it', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [first, second] = [await start(), await start()];
    expect((await first.copy(nas)).farm).toMatchObject({ originBytes: size, peers: {} });
    const { farm } = await second.copy(nas);
    // On a busy machine an answer may come too late: that chunk is read from the origin.
    expect(farm?.originBytes).toBeLessThan(size / 2);
    expect(farm?.peers[first.name]).toBe(size - (farm?.originBytes ?? 0));
    expect(second.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test.runIf(opensUncached())(
    'keep a copy that no program waits for out of the page cache, and one that is waited for in it',
    { tags: 'slow' },
    async () => {
      const start = farmOn(await startRedis());
      const nas = nasWith(size);
      const [first, second, third] = [await start(), await start(), await start()];
      await first.copy(nas);
      await second.copy(nas, { urgent: () => false });
      await third.copy(nas, { urgent: () => true });
      const isCached = ({ notes }: typeof first) =>
        new Set(notes.flatMap((note) => (note.is === 'gained' ? [note.cached] : [])));
      expect([isCached(first), isCached(second), isCached(third)]).toEqual([
        new Set([false]),
        new Set([false]),
        new Set([true]),
      ]);
      for (const host of [first, second, third]) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    },
  );

  test('one whose only giver is slow reads a fast origin beside it', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const turns = new UploadTurns();
    turns.rate = 1024 * 1024;
    const slow = await start({ turn: (bytes) => turns.turn(bytes, false) });
    const late = await start();
    await slow.copy(nas);
    const { farm } = await late.copy(nas);
    expect(farm?.originBytes).toBeGreaterThan(size / 2);
    expect(farm?.originBytes).toBeLessThanOrEqual(size);
    expect(late.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('what others give waits for a turn of its own, and what the origin gives for that of the origin', {
    tags: 'slow',
  }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [first, second] = [await start(), await start()];
    const turns = { source: 0, peer: 0 };
    const ask = async (bytes: number, from: 'source' | 'peer' = 'source') => {
      turns[from] += bytes;
    };
    await first.copy(nas, { ask });
    expect(turns.source).toBeGreaterThanOrEqual(size);
    expect(turns.peer).toBe(0);
    turns.source = 0;
    await second.copy(nas, { ask });
    expect(turns.peer).toBeGreaterThan(0);
  });
});
