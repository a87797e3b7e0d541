import { copyFileSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { WarmRequest } from '../../src/api/api.ts';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, leftOut, noRedis, type RedisServer, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { type Nas, nasWith } from './farm-hosts.ts';
import { CuttableNetwork } from './partition.ts';

const size = 5 * chunkSize + 4321;

/** A daemon that reads this NAS, in the farm of this Redis. */
async function hostOf({ url }: Pick<RedisServer, 'url'>, { root }: Nas, settings: Record<string, string> = {}) {
  const dir = tempDir();
  mkdirSync(join(dir, 'state'), { mode: 0o700 });
  writeFileSync(join(dir, 'state', 'farm.key'), Buffer.alloc(32, 7), { mode: 0o600 });
  const farm = { AUTOCACHE_FARM: url, AUTOCACHE_FARM_LISTEN: '127.0.0.1:0', AUTOCACHE_ROOTS: `${root}=nas` };
  return runDaemon({}, { ...farm, ...settings }, dir);
}

type Host = Awaited<ReturnType<typeof hostOf>>;

async function load({ client }: Host, { path }: Nas) {
  return client.lookup({ path, purpose: 'load', waitMs: patience(60_000), client: { app: 'test', pid: process.pid } });
}

async function knowEachOther(hosts: readonly Host[]): Promise<void> {
  for (const { client } of hosts) {
    const urls = async () => (await client.farm()).hosts.filter(({ url }) => url !== null).length;
    await expect.poll(urls, eventually()).toBe(hosts.length);
  }
}

describe.skipIf(noRedis !== null)(`daemons in a farm${leftOut}`, { timeout: patience(120_000) }, () => {
  test('a model that one has copied comes from it to the others, and not from the NAS', async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const [a, b] = [await hostOf(redis, nas), await hostOf(redis, nas)];
    await knowEachOther([a, b]);
    expect(await load(a, nas)).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
    const locate = async () => (await b.client.locate(nas.path)).hosts.length;
    const answer = await load(b, nas);
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
    expect(readFileSync(answer.path).equals(nas.bytes)).toBe(true);
    expect((await a.client.farm()).figures).toMatchObject({ originBytes: size, receivedBytes: 0 });
    const { originBytes, receivedBytes } = (await b.client.farm()).figures;
    // A busy machine may answer too late for some of it.
    expect(originBytes).toBeLessThan(size);
    expect(originBytes + receivedBytes).toBeGreaterThanOrEqual(size);
    await expect
      .poll(async () => (await a.client.farm()).figures.givenBytes, eventually())
      .toBeGreaterThanOrEqual(receivedBytes);
    await expect.poll(locate, eventually()).toBe(2);
    const { host } = await a.client.farm();
    const told = await b.client.explain(nas.path);
    expect(told.farm?.from?.originBytes).toBe(originBytes);
    expect(told.farm?.from?.peers[host ?? '']).toBe(size - originBytes);
  });

  test('a model with the bytes of another is not read from the NAS by each host to compare them', {
    tags: 'slow',
  }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const equal = { ...nas, path: join(nas.root, 'checkpoints', 'equal.safetensors') };
    copyFileSync(nas.path, equal.path);
    const { mtime } = statSync(nas.path);
    for (const { path } of [nas, equal]) utimesSync(path, mtime, mtime);
    const [a, b] = [await hostOf(redis, nas), await hostOf(redis, nas)];
    await knowEachOther([a, b]);
    for (const host of [a, b]) await load(host, nas);
    for (const host of [a, b]) {
      const { path } = await load(host, equal);
      expect(readFileSync(path).equals(nas.bytes)).toBe(true);
    }
    const [fromA, fromB] = await Promise.all([a, b].map(async ({ client }) => (await client.explain(equal.path)).farm?.from));
    expect(fromA?.originBytes).toBe(size);
    // A busy machine may answer too late for some of it.
    expect(fromB?.originBytes).toBeLessThan(size);
  });

  test('a copy that was made before there was a farm is given too', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const a = await hostOf(redis, nas);
    await load(a, nas);
    await a.restart();
    const b = await hostOf(redis, nas);
    await knowEachOther([a, b]);
    await expect.poll(async () => (await a.client.locate(nas.path)).hosts.length, eventually()).toBe(1);
    await load(b, nas);
    expect((await b.client.farm()).figures.originBytes).toBeLessThan(size);
  });

  test('one has the others copy a model too, and is told how that ended', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const [a, b] = [await hostOf(redis, nas), await hostOf(redis, nas)];
    await knowEachOther([a, b]);
    const { host = '' } = await b.client.farm();
    const lacking: WarmRequest = { paths: [nas.path], hosts: 'all', check: true };
    expect((await a.client.warm(lacking)).hosts).toMatchObject([{ host, state: 'done', items: [{ ready: false }] }]);
    const answer = await a.client.warm({ paths: [nas.path], hosts: 2, wait: true });
    expect(answer).toMatchObject({ ready: 1, missing: 0 });
    expect(answer.hosts).toEqual([
      { host, state: 'done', items: [{ item: 'checkpoints/a.safetensors', ready: true, reason: 'HIT', message: null }] },
    ]);
    const copy = await b.client.lookup({
      path: nas.path,
      purpose: 'load',
      waitMs: 0,
      client: { app: 'test', pid: process.pid },
    });
    expect(readFileSync(copy.path).equals(nas.bytes)).toBe(true);
    expect((await a.client.warm(lacking)).hosts).toMatchObject([{ items: [{ ready: true }] }]);
    expect((await a.client.warm({ paths: [nas.path], hosts: 1 })).hosts).toEqual([]);
  });

  test('15: a host that is full takes nothing more, and gives what it has', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const second = join(nas.root, 'checkpoints', 'b.safetensors');
    writeModel(second, size);
    const limit = Math.round(1.5 * size);
    const [full, host] = [await hostOf(redis, nas, { AUTOCACHE_LIMIT: String(limit) }), await hostOf(redis, nas)];
    await knowEachOther([full, host]);
    await load(full, nas);
    await full.client.pin({ paths: [nas.path] });
    expect((await full.client.warm({ paths: [second], wait: true })).items).toMatchObject([
      { ready: false, reason: 'NO_SPACE' },
    ]);
    const { originBytes } = (await full.client.farm()).figures;
    expect(originBytes).toBe(size);
    expect((await full.client.stats()).tiers.find(({ tier }) => tier === 'ssd')?.bytes).toBeLessThanOrEqual(limit);
    await load(host, nas);
    expect((await host.client.farm()).figures.receivedBytes).toBeGreaterThan(0);
    const answer = await host.client.warm({ paths: [second], hosts: 'all', wait: true });
    expect(answer).toMatchObject({ ready: 1, hosts: [{ state: 'done', items: [{ ready: false, reason: 'NO_SPACE' }] }] });
  });

  test('a new host begins with what the others have wanted, and says so', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const a = await hostOf(redis, nas);
    await load(a, nas);
    await expect.poll(() => redis.cli('zcard', 'ac:1:default:{demand}:hot'), eventually()).toBe('1');
    expect((await a.client.explain(nas.path)).toldWishes).toBeUndefined();
    const b = await hostOf(redis, nas);
    await knowEachOther([a, b]);
    await load(b, nas);
    const told = async () => {
      // What was used is counted a moment later.
      await b.client.entries({});
      return (await b.client.explain(nas.path)).toldWishes;
    };
    await expect.poll(told, eventually()).toBeCloseTo(1, 2);
    await expect.poll(() => redis.cli('zcard', 'ac:1:default:{demand}:hot'), eventually()).toBe('1');
  });

  test('with the NAS off, a model that left comes back from another host', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const [a, b] = [await hostOf(redis, nas), await hostOf(redis, nas)];
    await knowEachOther([a, b]);
    await load(a, nas);
    await b.client.warm({ paths: [nas.path], wait: true });
    await b.client.evict({ paths: [nas.path] });
    renameSync(nas.root, `${nas.root}.off`);
    mkdirSync(nas.root);
    const answer = await load(b, nas);
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
    expect(readFileSync(answer.path).equals(nas.bytes)).toBe(true);
  });

  test('a copy that begins while the Redis is away comes from the host that has it', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const nas = nasWith(size);
    const [a, b] = [await hostOf(redis, nas), await hostOf(redis, nas)];
    await knowEachOther([a, b]);
    await load(a, nas);
    await redis.kill();
    const answer = await load(b, nas);
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
    expect(readFileSync(answer.path).equals(nas.bytes)).toBe(true);
    await expect.poll(async () => (await b.client.farm()).figures.receivedBytes, eventually()).toBeGreaterThan(0);
  });

  test('a host that alone does not reach the Redis leaves the NAS to the one that does', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const network = new CuttableNetwork();
    const viaNetwork = { url: `redis://127.0.0.1:${await network.fromFarSide(Number(new URL(redis.url).port))}` };
    const chunks = 24;
    const nas = nasWith(chunks * chunkSize);
    const slow = { AUTOCACHE_RATE: 'nas=24MiB' };
    const [a, b] = [await hostOf(redis, nas, slow), await hostOf(viaNetwork, nas, slow)];
    await knowEachOther([a, b]);
    network.isCut = true;
    await expect.poll(async () => (await b.client.farm()).directory, eventually()).toMatchObject({ state: 'away' });
    for (const answer of await Promise.all([load(a, nas), load(b, nas)])) {
      expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT' });
      expect(readFileSync(answer.path).equals(nas.bytes)).toBe(true);
    }
    expect(network.lost).toBeGreaterThan(0);
    const read = async ({ client }: Host) => (await client.farm()).figures.originBytes / chunkSize;
    expect(await read(b)).toBeLessThan(chunks / 4);
  });
});
