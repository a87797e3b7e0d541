import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { farmFindings } from '../../src/cli/doctor/farm-checks.ts';
import { loadConfig } from '../../src/config/config.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, type RedisServer, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const model = 'checkpoints/a.safetensors';

/** A daemon that is in the farm of this Redis. */
async function hostOf(redis: string, settings: Record<string, string> = {}, key = 7) {
  const dir = tempDir();
  mkdirSync(join(dir, 'state'), { mode: 0o700 });
  writeFileSync(join(dir, 'state', 'farm.key'), Buffer.alloc(32, key), { mode: 0o600 });
  return runDaemon({ [model]: 100_000 }, { AUTOCACHE_FARM: redis, AUTOCACHE_FARM_LISTEN: '127.0.0.1:0', ...settings }, dir);
}

test('without a farm, the routes say so', async () => {
  const { client, root } = await runDaemon({ [model]: 1000 });
  expect(await client.farm()).toMatchObject({ on: false, name: null, hosts: [], directory: null, shared: null });
  expect(await client.locate(join(root, model))).toMatchObject({ content: null, hosts: [], shared: null });
  for (const path of [join(root, 'nope'), '/nowhere/nope.safetensors']) {
    await expect(client.locate(path)).rejects.toMatchObject({ code: 'NOT_FOUND', message: `${path} is not known` });
  }
});

test('a farm without a key is refused at the start, with the remedy', async () => {
  await expect(runDaemon({}, { AUTOCACHE_FARM: 'redis://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringMatching(/^AUTOCACHE_FARM_KEY: .*farm\.key does not exist$/),
    hint: expect.stringContaining('autocached farm init'),
  });
});

describe.skipIf(noRedis !== null)(`daemons in a farm${leftOut}`, { timeout: patience(60_000) }, () => {
  test('know each other, keep their names over a restart, and leave', async () => {
    const redis = await startRedis();
    const [a, b] = [await hostOf(redis.url), await hostOf(redis.url)];
    const hosts = async () => (await a.client.farm()).hosts.map(({ host }) => host);
    await expect.poll(hosts, eventually()).toHaveLength(2);
    const { host } = await b.client.farm();
    expect(await hosts()).toContain(host);
    expect(await a.client.farm()).toMatchObject({ on: true, name: 'default', directory: { state: 'up', why: null } });
    // Results are shared over the same Redis.
    expect((await a.client.stats()).memo.shared).toMatchObject({ state: 'up' });
    await b.restart();
    expect((await b.client.farm()).host).toBe(host);
    await b.end();
    await expect.poll(hosts, eventually()).toHaveLength(1);
    expect(await a.client.ask('GET', '/api/events/recent')).toMatchObject({
      events: expect.arrayContaining([expect.objectContaining({ name: 'farm-trouble' })]),
    });
  });

  test('a host whose state was copied from another has a name of its own', async () => {
    const redis = await startRedis();
    const a = await hostOf(redis.url);
    const { host } = await a.client.farm();
    await a.end();
    const dir = tempDir();
    cpSync(a.stateDir, join(dir, 'state'), { recursive: true });
    const settings = { AUTOCACHE_FARM: redis.url, AUTOCACHE_FARM_LISTEN: '127.0.0.1:0' };
    const copied = await runDaemon({}, settings, dir);
    expect((await copied.client.farm()).host).not.toBe(host);
    await a.restart();
    expect((await a.client.farm()).host).toBe(host);
    await expect.poll(async () => (await a.client.farm()).hosts.length, eventually()).toBe(2);
  });

  test('farms of two names on one Redis do not see each other', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const [a, b] = [await hostOf(redis.url), await hostOf(redis.url, { AUTOCACHE_FARM_NAME: 'other' })];
    for (const { client } of [a, b]) {
      await expect.poll(async () => (await client.farm()).hosts.length, eventually()).toBe(1);
    }
    expect((await a.client.farm()).hosts).not.toEqual((await b.client.farm()).hosts);
  });

  test('lookups are answered while the Redis is gone, and that is shown', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const { client, root } = await hostOf(redis.url);
    await expect.poll(async () => (await client.farm()).hosts.length, eventually()).toBe(1);
    await redis.kill();
    const lookup = { path: join(root, model), waitMs: patience(30_000), purpose: 'load' as const, client: null };
    expect(await client.lookup(lookup)).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
    await expect.poll(async () => (await client.farm()).directory?.state, eventually()).toBe('away');
    expect((await client.farm()).hosts).toHaveLength(1);
  });

  test('a Redis that answers and takes no word of a host is shown as away, with its reason, until it does', {
    tags: 'slow',
  }, async () => {
    const redis = await startRedis();
    const { client } = await hostOf(redis.url);
    const directory = async () => (await client.farm()).directory;
    await expect.poll(async () => (await client.farm()).hosts.length, eventually()).toBe(1);
    for (const [is, code, was] of [
      ['config set maxmemory 1', 'OOM', 'config set maxmemory 0'],
      ['replicaof 127.0.0.1 1', 'READONLY', 'replicaof no one'],
    ] as const) {
      expect(await redis.cli(...is.split(' '))).toBe('OK');
      await expect.poll(directory, eventually()).toEqual({ state: 'away', why: `it refuses: ${code}` });
      expect(await redis.cli(...was.split(' '))).toBe('OK');
      await expect.poll(directory, eventually()).toEqual({ state: 'up', why: null });
    }
  });

  test('doctor names hosts that have another key, and those that do not answer', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const [own, other] = [await hostOf(redis.url), await hostOf(redis.url, {}, 8)];
    const hosts = async () => (await own.client.farm()).hosts.filter(({ url }) => url !== null).length;
    await expect.poll(hosts, eventually()).toBe(2);
    const env = { AUTOCACHE_FARM: redis.url, AUTOCACHE_STATE: own.stateDir, AUTOCACHE_FARM_LISTEN: 'off' };
    const found = async () =>
      (await farmFindings(loadConfig({ env, cwd: own.dir, home: own.dir }).config)).map(({ says }) => says);
    const { host, url } = await other.client.farm();
    await expect
      .poll(found, eventually())
      .toEqual(expect.arrayContaining(['1 of 2 hosts answer this one', `${host} at ${url} has another key than this host`]));
    await redis.cli('hset', 'ac:1:default:{hosts}:facts', 'gone', await goneAs(redis, host ?? ''));
    expect(await found()).toContain('gone does not answer this host at https://127.0.0.1:1');
  });
});

/** What a host would say of itself that nobody reaches. */
async function goneAs(redis: RedisServer, host: string): Promise<string> {
  const facts = JSON.parse(await redis.cli('hget', 'ac:1:default:{hosts}:facts', host)) as object;
  return JSON.stringify({ ...facts, host: 'gone', url: 'https://127.0.0.1:1' });
}
