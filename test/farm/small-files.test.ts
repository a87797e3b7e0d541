import { describe, expect, test, vi } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { SmallFiles } from '../../src/farm/small-files.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, type RedisServer, startRedis } from '../helpers/redis.ts';
import { farmOn, idOf, nasWith, originBytes, slowDriver } from './farm-hosts.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('./farm-hosts.ts')).patientLink }));

const MiB = 2 ** 20;
const size = 3 * MiB + 4321;
const small = { small: 4 * MiB };
const key = Buffer.alloc(32, 5);

/** The small files of a farm of its own. */
async function filesIn(redis: RedisServer): Promise<SmallFiles> {
  const servers = parseRedis(redis.url);
  if (!servers) throw new Error('no address');
  const link = new RedisLink({ servers, log: createLog({ level: 'silent', form: 'json' }), purpose: 'tests' });
  await expect.poll(() => link.state.state, eventually()).toBe('up');
  return new SmallFiles(link, 'home', key);
}

describe.skipIf(noRedis !== null)(`small files in the Redis of a farm${leftOut}`, { timeout: patience(60_000) }, () => {
  test('hosts that want one at once read it from its origin once', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const hosts = [await start(), await start(), await start()];
    const driver = slowDriver(nas.root, async () => {});
    const reports = await Promise.all(hosts.map((host) => host.copy(nas, { ...small, driver })));
    for (const host of hosts) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    // A busy machine may read for longer than it is waited for.
    expect(originBytes(reports)).toBeLessThanOrEqual(2 * size);
    const late = await start();
    expect((await late.copy(nas, small)).farm).toMatchObject({ originBytes: 0, peers: { Redis: size } });
    expect(late.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('one whose source is away comes from the Redis, if it is what it was', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const { hash } = await (await start()).copy(nas, small);
    const away = { content: await idOf(nas), hash };
    const host = await start();
    expect((await host.copy(nas, { ...small, away })).farm).toMatchObject({ originBytes: 0 });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    const other = await start();
    await expect(other.copy(nas, { ...small, away: { ...away, hash: 'xxh128c8:0' } })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const unknown = { ...away, content: 'f'.repeat(64) };
    await expect(other.copy(nas, { ...small, away: unknown })).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
  });

  test('what is there and is not the source is not taken, whoever put it there', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const id = await idOf(nas);
    await (await start()).copy(nas, small);
    // Without the key of the farm.
    const forge = "return redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', ARGV[2]))";
    expect(await redis.cli('eval', forge, '1', 'ac:1:home:{small}:files', id, String(size + 32))).toBe('0');
    const host = await start();
    expect((await host.copy(nas, small)).farm).toMatchObject({ originBytes: size });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    // A host of the farm with other bytes under this name.
    const forger = await start();
    await forger.small.put(id, Buffer.alloc(size, 7), 4 * MiB);
    const next = await start();
    const report = await next.copy(nas, small);
    expect(next.notes).toContainEqual({ is: 'split', why: expect.stringContaining('is not what') });
    expect(report.farm).toMatchObject({ originBytes: size });
    expect(next.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('without the Redis, and of a size that is not small, files come from their origin', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const host = await start();
    expect((await host.copy(nas, { small: size - 1 })).farm).toBeUndefined();
    const other = await start();
    await redis.kill();
    await other.copy(nas, small);
    expect(other.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('stay within their bound: the least recently used leave', async () => {
    const files = await filesIn(await startRedis());
    for (let n = 0; n < 40; n++) {
      await files.put(`c${n}`, Buffer.alloc(10_000 - 32, n), 10_000);
      if (n === 20) expect(await files.take('c0')).not.toBeNull();
    }
    const there = await Promise.all(Array.from({ length: 40 }, (_, n) => files.take(`c${n}`)));
    expect(there.filter((one) => one !== null)).toHaveLength(32);
    expect(there[39]?.equals(Buffer.alloc(10_000 - 32, 39))).toBe(true);
    expect(await files.take('c0')).not.toBeNull();
  });

  test('take a quarter of a Redis whose memory is bounded: who has what must not leave for them', {
    tags: 'slow',
  }, async () => {
    const redis = await startRedis();
    await redis.cli('config', 'set', 'maxmemory', String(40 * MiB));
    const files = await filesIn(redis);
    for (let n = 0; n < 20; n++) await files.put(`c${n}`, Buffer.alloc(MiB, n), 4 * MiB);
    const there = await Promise.all(Array.from({ length: 20 }, (_, n) => files.take(`c${n}`)));
    const count = there.filter((one) => one !== null).length;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual(10);
    await files.put('huge', Buffer.alloc(11 * MiB), 16 * MiB);
    expect(await files.take('huge')).toBeNull();
  });
});
