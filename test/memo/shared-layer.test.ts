import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { keyOf, MiB } from './memo-rig.ts';
import { machine, putBytes, twoMachines, valueNames } from './shared-rig.ts';

describe.skipIf(noRedis !== null)(`results in Redis${leftOut}`, () => {
  test('what one machine has computed is a hit on another, and a local one from then on', async () => {
    const { here, there } = await twoMachines(await startRedis());
    await here.put(keyOf(1), { seed: 1 }, { costMs: 5000, tags: ['model:a'] });
    await here.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'hit', value: { seed: 1 } });
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'hit', value: { seed: 1 } });
    expect(there.memo.manage.stats()).toMatchObject({ hits: 2, layers: { ram: 1, disk: 0, redis: 1 }, secondsSaved: 10 });
    expect(there.stats()).toMatchObject({ hits: 1, misses: 0, stored: 0 });
    expect(there.memo.manage.list({ tags: ['model:a'] }, { sort: 'used', limit: 9, offset: 0 }).total).toBe(1);
  });

  test('values of all kinds come as they were, up to 8 MiB', { tags: 'slow' }, async () => {
    const { here, there } = await twoMachines(await startRedis());
    const large = Buffer.alloc(8 * MiB, 'autocached');
    const sha256 = createHash('sha256').update(large).digest('hex');
    const small = Buffer.from('small');
    const smallName = createHash('sha256').update(small).digest('hex');
    await putBytes(here.memo, keyOf(102), small);
    const texts = [
      '1.0',
      '{"seed":18446744073709551615}',
      JSON.stringify('x'.repeat(MiB - 10)),
      `{"image":{"$blob":"${smallName}"}}`,
    ];
    await putBytes(here.memo, keyOf(100), large);
    const files = [
      { name: 'a.png', sha256 },
      { name: 'b.png', sha256 },
    ];
    await here.put(keyOf(101), null, { given: { files } });
    for (const [index, value] of texts.entries()) await here.put(keyOf(index), null, { given: { value } });
    await here.told();
    for (const [index, value] of texts.entries())
      expect(await there.memo.get({ ns: 'n', key: keyOf(index), as: 'value' })).toContain(`"value":${value}}`);
    const found = JSON.parse(await there.memo.get({ ns: 'n', key: keyOf(100), as: 'value' }));
    expect(found).toMatchObject({ state: 'hit', kind: 'bytes', sha256, size: 8 * MiB, contentType: 'image/png' });
    expect(found.path.startsWith(there.dir)).toBe(true);
    expect(JSON.parse(await there.memo.get({ ns: 'n', key: keyOf(101), as: 'value' })).files).toMatchObject(files);
    expect(there.stats()).toMatchObject({ hits: 6, damaged: 0, failed: 0 });
    expect((await there.memo.manage.verify(new AbortController().signal)).damaged).toEqual([]);
  });

  test('what is larger than 8 MiB stays on its machine', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await putBytes(here.memo, keyOf(1), Buffer.alloc(8 * MiB + 1));
    await here.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(await here.get(keyOf(1))).toMatchObject({ state: 'hit' });
  });

  test('a local hit, and what was stored a moment ago, asks Redis nothing', async () => {
    const server = await startRedis();
    const here = await machine(server.url);
    await here.put(keyOf(1), 1);
    await here.told();
    await server.cli('config', 'resetstat');
    for (let index = 0; index < 50; index += 1) expect(await here.get(keyOf(1))).toMatchObject({ state: 'hit' });
    expect(await server.cli('info', 'commandstats')).not.toMatch(/cmdstat_(get|getrange|pttl)/);
    expect(await here.get(keyOf(2))).toMatchObject({ state: 'miss' });
    expect(await server.cli('info', 'commandstats')).toMatch(/cmdstat_getrange:calls=1,/);
  });

  test('a value is gone from Redis when its time is over, and is stale there as it is here', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 1, { ttlMs: 1000, staleMs: 3_600_000 });
    await here.put(keyOf(2), 2, { ttlMs: 300, staleMs: 0 });
    await here.put(keyOf(3), 3, { ttlMs: null });
    await here.told();
    const spy = await server.spy();
    const left = async () => Promise.all((await spy.keys(valueNames)).map((name) => spy.pTTL(String(name))));
    expect(await left()).not.toContain(-1);
    await expect.poll(async () => (await spy.keys(valueNames)).length, eventually()).toBe(2);
    there.clock.advance(2000);
    expect(await there.get(keyOf(2))).toMatchObject({ state: 'miss' });
    expect(await there.get(keyOf(3))).toMatchObject({ state: 'hit' });
    // Clocks stand still here: how long it lay in Redis is what counts.
    await expect.poll(async () => Math.min(...(await left())), eventually()).toBeLessThan(3_600_000);
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'stale', value: 1 });
  });
});
