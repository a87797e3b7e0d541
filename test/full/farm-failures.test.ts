import { writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import { farmOn, idOf, nasWith, slowDriver } from '../farm/farm-hosts.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('../farm/farm-hosts.ts')).patientLink }));

const size = 9 * chunkSize + 4321;

describe.skipIf(noRedis !== null)(`a farm in trouble, what takes longer${leftOut}`, { timeout: patience(120_000) }, () => {
  test('3: what a host was reading when it died is read by another', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [dead, host] = [await start(), await start()];
    const chunks = Math.ceil(size / chunkSize);
    const entry = dead.directory.join({ id: await idOf(nas), chunks, origin: 'o', slots: 4 }, dead.name);
    // It says nothing more: neither that it has read them, nor that it does not.
    expect(await entry.claim(ChunkSet.all(chunks), 8, patience(3000))).toMatchObject({ is: 'claimed' });
    await dead.stop();
    const { farm } = await host.copy(nas);
    expect(farm).toMatchObject({ originBytes: size, peers: {} });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('6: a host that says nothing is done without', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const never = Promise.withResolvers<number>();
    const silent = await start({ turn: () => never.promise });
    await silent.copy(nas);
    const host = await start();
    await host.copy(nas);
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(host.notes).toContainEqual({ is: 'peer', host: silent.name, how: 'silent' });
    never.resolve(0);
  });

  test('9: an origin that hangs does not keep a host from what the others have', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    const never = Promise.withResolvers<number>();
    const asked = Promise.withResolvers<void>();
    let hangs = true;
    const driver = slowDriver(nas.root, async () => {
      // What names the content is read before.
      if (!hangs || !host.notes.some(({ is }) => is === 'begun')) return;
      asked.resolve();
      await never.promise;
    });
    const copying = host.copy(nas, { driver });
    await asked.promise;
    await full.copy(nas);
    hangs = false;
    const { farm } = await copying;
    expect(farm).toMatchObject({ originBytes: 0, peers: { [full.name]: size } });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    never.resolve(0);
  });

  test('10: a source that is replaced half-way is another content: nothing is mixed', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    await full.copy(nas);
    const other = Buffer.alloc(size, 0x33);
    writeFileSync(nas.path, other);
    const { farm } = await host.copy(nas);
    expect(farm).toMatchObject({ originBytes: size, peers: {} });
    expect(host.bytes(nas).equals(other)).toBe(true);
  });

  test('with the origin away all of it comes from another host, or the copy fails as the origin does', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    const { hash, farm } = await full.copy(nas);
    const away = { content: farm?.content.id ?? '', hash };
    const source = nas.source();
    expect((await host.copy(nas, { away, source })).farm).toMatchObject({ originBytes: 0, peers: { [full.name]: size } });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    const lonely = { ...away, content: 'f'.repeat(64) };
    const third = await start();
    await expect(third.copy(nas, { away: lonely, source })).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    await expect(third.copy(nas, { away: { ...away, hash: 'xxh128c8:0' }, source })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });
});
