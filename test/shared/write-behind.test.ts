import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import type { SharedStore } from '../../src/core/remote.ts';
import { makeFarmKey } from '../../src/farm/farm-key.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import { CatalogLedger } from '../../src/shared/catalog-ledger.ts';
import { RedisLedger, storeNameOf } from '../../src/shared/redis-ledger.ts';
import { claimKey, contentKey } from '../../src/shared/store-names.ts';
import { StoreProcess } from '../../src/shared/store-process.ts';
import { WriteBehind, type WriteBehindParts } from '../../src/shared/write-behind.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { createRig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { noVersitygw } from '../helpers/versitygw.ts';
import { begunIn, bytesOf, eventually, hostOf, MiB, model, newStore, sha256Of } from './hosts.ts';

const some = (digit: string) => digit.repeat(64);

describe.skipIf(noVersitygw !== null)('hosts without a farm that write at one moment', { timeout: patience(120_000) }, () => {
  test('see what the others are about to write', async () => {
    const { at } = await newStore();
    const [a, b] = [
      new StoreProcess(at, { ...process.env }, { written: () => {} }),
      new StoreProcess(at, { ...process.env }, { written: () => {} }),
    ];
    try {
      const [first, second] = [
        { sha256: some('a'), bytes: 5, host: '0000000a' },
        { sha256: some('b'), bytes: 7, host: '0000000b' },
      ];
      expect(await a.call.claim(first)).toEqual([]);
      expect(await b.call.claim(second)).toEqual([first]);
      expect(await a.call.claim(first)).toEqual([second]);
      await b.call.unclaim(second);
      expect(await a.call.claim(first)).toEqual([]);
      // It was killed while it wrote something else.
      expect(await a.call.claim({ ...second, host: first.host })).toEqual([]);
      expect(await a.call.claim(first)).toEqual([]);
      const together = await Promise.all([a.call.claim(first), b.call.claim(second)]);
      expect(together.some((others) => others.length > 0)).toBe(true);
    } finally {
      a[Symbol.dispose]();
      b[Symbol.dispose]();
    }
  });

  test('never pass its limit: one for whom there is no room beside another waits, and writes when there is', {
    tags: 'slow',
  }, async () => {
    const { address, writer } = await newStore();
    const key = contentKey(sha256Of(bytesOf('a')));
    const other = claimKey({ sha256: some('b'), bytes: 6 * MiB, host: '0000000b' });
    await writer.putText(other, '');
    const host = await hostOf(address('10MiB'), { 'loras/a.safetensors': bytesOf('a') });
    await host.lookup('loras/a.safetensors');
    const own = async () => (await writer.list('reserved/')).filter((one) => one.key.includes(sha256Of(bytesOf('a')))).length;
    // It has said what it wants, has seen the other, and has given way, more than once.
    for (const there of [1, 0, 1, 0]) await expect.poll(own, { ...eventually, interval: 20 }).toBe(there);
    expect(await writer.sizeOf(key)).toBeNull();
    await writer.remove(other);
    await expect.poll(() => writer.sizeOf(key), eventually).toBe(6 * MiB);
    await expect.poll(async () => (await writer.list('reserved/')).length, eventually).toBe(0);
  });
});

describe.skipIf(noVersitygw !== null)('a host that is killed while it writes', { timeout: patience(120_000) }, () => {
  /** It has begun to write the model, and is no more. */
  async function killedHost() {
    const store = await newStore();
    const bytes = Buffer.alloc(64 * MiB, 'm');
    const path = join(tempDir(), 'copy');
    writeFileSync(path, bytes);
    const first = Promise.withResolvers<void>();
    const process = new StoreProcess(store.at, { ...globalThis.process.env }, { written: () => first.resolve() });
    const order = { path, size: bytes.length, sha256: sha256Of(bytes), noteKey: 'sources/x' };
    const writing = expect(process.call.write(order)).rejects.toMatchObject({ code: 'CANCELLED' });
    await first.promise;
    process[Symbol.dispose]();
    await writing;
    expect(await begunIn(store.server)).toBe(1);
    expect(await store.writer.list('sha256/')).toEqual([]);
    return { ...store, bytes, key: contentKey(order.sha256), sha256: order.sha256 };
  }

  test('leaves nothing wrong: another host writes the content when ten minutes are over, and gives up its parts', {
    tags: 'slow',
  }, async () => {
    const { address, writer, server, bytes, key, sha256 } = await killedHost();
    const claim = claimKey({ sha256, bytes: bytes.length, host: '0000000b' });
    await writer.putText(claim, '');
    const host = await hostOf(address('1GiB'), { [model]: bytes, 'loras/b.safetensors': bytesOf('b') });
    await host.lookup(model);
    await host.lookup('loras/b.safetensors');
    // One after the other: it has waited for the other host with the model, and left it.
    await expect.poll(host.view, eventually).toMatchObject({ files: 1, writtenBytes: 6 * MiB });
    expect(await writer.sizeOf(key)).toBeNull();
    server.place(`farm/${claim}`, Buffer.alloc(0));
    await host.restart();
    await expect.poll(host.view, eventually).toMatchObject({ files: 2, writtenBytes: bytes.length });
    expect(await writer.sizeOf(key)).toBe(bytes.length);
    expect(await begunIn(server)).toBe(0);
    const second = await hostOf(address('1GiB'), { [model]: bytes });
    expect(readFileSync((await second.lookup(model)).path).equals(bytes)).toBe(true);
    expect(await second.view()).toMatchObject({ readBytes: bytes.length });
  });

  test.skipIf(noRedis !== null)(
    `does so in a farm too, when its reservation has ended${leftOut}`,
    { tags: 'slow' },
    async () => {
      const { address, at, writer, server, bytes, key, sha256 } = await killedHost();
      const redis = await startRedis();
      const servers = parseRedis(redis.url);
      if (!servers) throw new Error('no address');
      const link = new RedisLink({ servers, log: createLog({ level: 'silent', form: 'json' }), purpose: 'tests' });
      onTestFinished(() => link[Symbol.asyncDispose]());
      await link.tried;
      const dead = new RedisLedger(link, { farm: 'default', host: 'dead', store: storeNameOf(at) });
      expect(await dead.reserve(sha256, bytes.length, 2 ** 30)).toBe('reserved');
      const keyFile = join(tempDir(), 'farm.key');
      makeFarmKey(keyFile);
      const farm = { AUTOCACHE_FARM: redis.url, AUTOCACHE_FARM_KEY: keyFile, AUTOCACHE_FARM_LISTEN: 'off' };
      const host = await hostOf(address('1GiB'), { [model]: bytes, 'loras/b.safetensors': bytesOf('b') }, farm);
      await host.lookup(model);
      await host.lookup('loras/b.safetensors');
      await expect.poll(host.view, eventually).toMatchObject({ files: 1, writtenBytes: 6 * MiB, reserved: bytes.length });
      await dead.release(sha256);
      await host.restart();
      await expect.poll(host.view, eventually).toMatchObject({ files: 2, writtenBytes: bytes.length, reserved: 0 });
      expect(await writer.sizeOf(key)).toBe(bytes.length);
      expect(await begunIn(server)).toBe(0);
    },
  );
});

test("a copy that is made while an earlier one of its source is written has its turn too; a restart keeps the host's name", async () => {
  const rig = createRig();
  const orders: { sha256: string }[] = [];
  const hosts = new Set<string>();
  const [begun, written] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const worker = {
    sha256Of: async (path: string) => sha256Of(readFileSync(path)),
    async write(order: { sha256: string }) {
      orders.push(order);
      begun.resolve();
      await written.promise;
    },
    note: async () => {},
    async claim({ host }: { host: string }) {
      hosts.add(host);
      return [];
    },
    unclaim: async () => {},
  };
  const now = () => Date.now();
  const parts: WriteBehindParts = {
    ...{ ...rig, now, ledger: new CatalogLedger(rig.catalog, now), worker: () => worker, mayWrite: () => true },
    store: { limit: MiB } as SharedStore,
    ...{ list: async () => {}, remove: async () => {}, onWritten: () => {}, onEvicted: () => {}, onFailed: () => {} },
  };
  let writes = new WriteBehind(parts);
  const copy = async () => {
    const { path, bytes } = rig.source(model, 1000);
    const seconds = 1_700_000_000 + orders.length;
    utimesSync(path, seconds, seconds);
    await rig.copy(path);
    writes.add(path);
    return sha256Of(bytes);
  };
  const first = await copy();
  await begun.promise;
  const second = await copy();
  written.resolve();
  await writes.settled();
  expect(orders.map(({ sha256 }) => sha256)).toEqual([first, second]);
  writes = new WriteBehind(parts);
  await copy();
  await writes.settled();
  expect([orders.length, hosts.size]).toEqual([3, 1]);
});

describe.skipIf(noVersitygw !== null)('a copy that could not be written', { timeout: patience(120_000) }, () => {
  test('is written after the next start', async () => {
    const { address, server } = await newStore();
    const shared = address('1GiB');
    await server[Symbol.asyncDispose]();
    const host = await hostOf(shared, { [model]: bytesOf('model') });
    await host.lookup(model);
    await expect.poll(host.view, eventually).toMatchObject({ state: 'away', writtenBytes: 0 });
    const next = await newStore();
    await host.restart({ AUTOCACHE_SHARED: next.address('1GiB') });
    await expect.poll(host.view, eventually).toMatchObject({ state: 'up', files: 1, writtenBytes: 6 * MiB });
    expect(await next.writer.sizeOf(contentKey(sha256Of(bytesOf('model'))))).toBe(6 * MiB);
    // And once only.
    await host.restart();
    await expect.poll(host.view, eventually).toMatchObject({ state: 'up', files: 1, writtenBytes: 0 });
  });
});
