import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually, leftOut, noRedis, type RedisServer, startRedis } from '../helpers/redis.ts';
import { keyOf, MiB } from './memo-rig.ts';
import { machine, putBytes, twoMachines, valueNames } from './shared-rig.ts';

/** The one value that Redis has, past all that is tested. */
async function valueIn(server: RedisServer) {
  const spy = await server.spy();
  const [name = '', ...others] = (await spy.keys(valueNames)).map(String);
  expect(others).toEqual([]);
  const read = async () => (await spy.get(name)) as Buffer | null;
  const write = async (change: (value: Buffer) => Buffer) => {
    const before = await read();
    if (before === null) throw new Error('no value');
    await spy.set(name, change(Buffer.from(before)), { KEEPTTL: true });
  };
  return { spy, name, read, write };
}

describe.skipIf(noRedis !== null)(`a Redis in trouble${leftOut}`, () => {
  test.each<[string, (value: Buffer) => Buffer, { damaged: number; isKept?: true }]>([
    ['cut in half', (value) => value.subarray(0, value.length / 2), { damaged: 1 }],
    ['cut in its first bytes', (value) => value.subarray(0, 10), { damaged: 1 }],
    ['longer than it says', (value) => Buffer.concat([value, Buffer.from('more')]), { damaged: 1 }],
    ['with one bit changed', (value) => flipped(value, value.length - 3), { damaged: 1 }],
    ['with one bit of its head changed', (value) => flipped(value, 60), { damaged: 1 }],
    ['that is something else', () => Buffer.from('{"pickle":true}'), { damaged: 1 }],
    ['of a later version', (value) => Buffer.concat([Buffer.from('ACM9'), value.subarray(4)]), { damaged: 0, isKept: true }],
  ])('gives no value %s, and is rid of it', async (_name, change, { damaged, isKept }) => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'right');
    await here.told();
    const value = await valueIn(server);
    await value.write(change);
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(there.stats()).toMatchObject({ damaged, hits: 0 });
    expect((await value.read()) !== null).toBe(isKept ?? false);
    await there.put(keyOf(1), 'anew');
    await there.told();
    expect(await (await machine(server.url)).get(keyOf(1))).toMatchObject({ state: 'hit', value: 'anew' });
  });

  test('gives no blob whose bytes are not what its name says', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await putBytes(here.memo, keyOf(1), Buffer.alloc(MiB, 'right'));
    await here.told();
    await (await valueIn(server)).write((value) => flipped(value, value.length - 1));
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(there.stats()).toMatchObject({ damaged: 1 });
    expect(there.memo.manage.stats()).toMatchObject({ current_items: 0 });
  });

  test('gives no value of another key', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'one');
    await here.told();
    const { spy, name: first } = await valueIn(server);
    await here.put(keyOf(2), 'two');
    await here.told();
    const second = (await spy.keys(valueNames)).map(String).find((name) => name !== first) ?? '';
    await spy.copy(first, second, { REPLACE: true });
    expect(await there.get(keyOf(2))).toMatchObject({ state: 'miss' });
    expect(there.stats()).toMatchObject({ damaged: 1 });
  });

  test('that is emptied costs its values, and nothing else', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 1);
    await here.told();
    await server.cli('flushall');
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(await here.get(keyOf(1))).toMatchObject({ state: 'hit' });
    await here.put(keyOf(2), 2);
    await here.told();
    expect(await there.get(keyOf(2))).toMatchObject({ state: 'hit' });
  });

  test('that is full is read from, and gives up what it cannot take', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'first');
    await here.told();
    await server.cli('config', 'set', 'maxmemory-policy', 'noeviction');
    await server.cli('config', 'set', 'maxmemory', '1');
    expect(await here.put(keyOf(1), 'second')).toMatchObject({ stored: true });
    await here.told();
    expect(here.stats()).toMatchObject({ state: 'up', refused: 1, removed: 1 });
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });

  test('that hangs is waited for three times, then left out, and comes back by itself', async () => {
    const server = await startRedis();
    const here = await machine(server.url, { deadlineMs: 50 });
    await here.put(keyOf(1), 1);
    await here.told();
    server.hang();
    for (let index = 10; index < 13; index += 1) expect(await here.get(keyOf(index))).toMatchObject({ state: 'miss' });
    await expect
      .poll(() => here.get(keyOf(13)).then(() => here.stats()), eventually())
      .toMatchObject({
        state: 'away',
        why: 'no answer in time',
      });
    const { failed, skipped } = here.stats();
    expect(await here.get(keyOf(14))).toMatchObject({ state: 'miss' });
    expect(await here.get(keyOf(1))).toMatchObject({ state: 'hit' });
    expect(here.stats()).toMatchObject({ failed, skipped: skipped + 1 });
    expect(await here.put(keyOf(2), 2)).toMatchObject({ stored: true });
    server.goOn();
    await expect.poll(() => here.stats(), eventually()).toMatchObject({ state: 'up', owed: 0 });
    expect(await (await machine(server.url)).get(keyOf(2))).toMatchObject({ state: 'hit', value: 2 });
  });

  test('that is killed under a write gets it when it is back, and 100 askers of a missing key ask it once', async () => {
    const server = await startRedis();
    const here = await machine(server.url);
    await server.kill();
    await expect.poll(() => here.stats().state, eventually()).toBe('away');
    await here.put(keyOf(1), 1);
    expect(here.stats().owed).toBe(1);
    await server.start();
    await expect.poll(() => here.stats(), eventually()).toMatchObject({ state: 'up', owed: 0 });
    const there = await machine(server.url);
    await server.cli('config', 'resetstat');
    const found = await Promise.all(Array.from({ length: 100 }, () => there.get(keyOf(1))));
    expect(new Set(found.map(({ value }) => value))).toEqual(new Set([1]));
    expect(await server.cli('info', 'commandstats')).toMatch(/cmdstat_getrange:calls=1,/);
  });

  test('a cache that is only read serves what is there, and keeps and tells nothing', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 1);
    await here.told();
    there.world.mode = 'read-only';
    for (let index = 0; index < 2; index += 1) expect(await there.get(keyOf(1))).toMatchObject({ state: 'hit', value: 1 });
    expect(there.memo.manage.stats()).toMatchObject({ current_items: 0, layers: { redis: 2 } });
    there.world.mode = 'off';
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(there.stats().hits).toBe(2);
  });
});

test('a Redis that answers nonsense to everything costs nothing but its values', async () => {
  let heard = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      heard += 1;
      socket.write('$5\r\nhello\r\n:7\r\n');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const here = await machine(`redis://127.0.0.1:${port}`, { deadlineMs: 200 });
  for (let index = 0; index < 20; index += 1) {
    expect(await here.get(keyOf(index))).toMatchObject({ state: 'miss' });
    expect(await here.put(keyOf(index), index)).toMatchObject({ stored: true });
    expect(await here.get(keyOf(index))).toMatchObject({ state: 'hit', value: index });
  }
  expect(heard).toBeGreaterThan(1);
  await here.memo[Symbol.asyncDispose]();
});

function flipped(value: Buffer, at: number): Buffer {
  value[at] = (value[at] ?? 0) ^ 1;
  return value;
}
