import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { RedisDirectory } from '../../src/farm/redis-directory.ts';
import type { RedisCommands } from '../../src/redis/connection.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, type RedisServer, startCluster, startRedis } from '../helpers/redis.ts';
import { type DirectoryUnderTest, directoryContract, hostsOf, promises } from './directory.contract.ts';

/** Lets time go by: all that ends, ends sooner. KEYS: any of a farm's. ARGV: ms. */
const sooner = `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'zset' then
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[1], member) end
elseif kind == 'hash' and string.find(KEYS[1], ':claim$') then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local run, ends = string.match(all[i + 1], '^(%d+ %d+) (%d+)$')
    redis.call('HSET', KEYS[1], all[i], run .. ' ' .. string.format('%d', ends - ARGV[1]))
  end
end`;

async function linkTo(address: string): Promise<RedisLink> {
  const servers = parseRedis(address);
  if (!servers) throw new Error('no address');
  const link = new RedisLink({ servers, log: createLog({ level: 'silent', form: 'json' }), purpose: 'tests' });
  onTestFinished(() => link[Symbol.asyncDispose]());
  await expect.poll(() => link.state.state, eventually()).toBe('up');
  return link;
}

/** A farm of its own in what these servers keep. */
async function farmIn(servers: readonly RedisServer[], address: string): Promise<DirectoryUnderTest> {
  const link = await linkTo(address);
  const farm = randomUUID();
  const eachKey = async (step: (redis: RedisCommands, key: string) => Promise<unknown>) => {
    const found = await Promise.all(servers.map((server) => server.cli('keys', `ac:1:${farm}:*`)));
    const keys = new Set(found.flatMap((lines) => lines.split('\n').filter((key) => key !== '')));
    for (const key of keys) await link.ask((redis) => step(redis, key), patience(10_000));
  };
  return {
    directory: new RedisDirectory(link, farm, patience(10_000)),
    later: (ms) => eachKey((redis, key) => redis.eval(sooner, [key], [String(ms)])),
    flush: () => eachKey((redis, key) => redis.del(key)),
  };
}

describe.skipIf(noRedis !== null)(`a farm's directory${leftOut}`, () => {
  directoryContract('in one Redis', async () => {
    const server = await startRedis();
    return farmIn([server], server.url);
  });

  directoryContract('of a user whom an ACL keeps to it', async () => {
    const server = await startRedis();
    // As docs/FARM.md gives it.
    const rights = '~ac:1:* ~autocached:memo:1* +@read +@write +@connection +eval +time'.split(' ');
    await server.cli('acl', 'setuser', 'autocached', 'on', '>secret', ...rights);
    return farmIn([server], server.url.replace('//', '//autocached:secret@'));
  });

  test('in a cluster of six keeps every promise too', { tags: 'slow', timeout: patience(120_000) }, async () => {
    const servers = await startCluster();
    const address = `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    for (const [promise, keeps] of Object.entries(promises)) {
      await keeps(hostsOf(await farmIn(servers, address))).catch((error: unknown) => {
        throw new Error(promise, { cause: error });
      });
    }
  });

  test('in a Redis that is silent fails in time, and by itself works again', async () => {
    const server = await startRedis();
    const link = await linkTo(server.url);
    const entry = new RedisDirectory(link, 'f').join({ id: 'c', chunks: 4, origin: 'nas', slots: 1 }, 'a');
    server.hang();
    await expect(entry.got(0)).rejects.toThrow('no answer in time');
    server.goOn();
    await expect.poll(() => entry.got(1).then(() => 'said', String), eventually()).toBe('said');
    expect((await entry.holders()).holders).toEqual([]);
  });
});
