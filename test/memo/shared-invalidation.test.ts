import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Memo } from '../../src/memo/memo.ts';
import { eventually, leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { createMemo, keyOf } from './memo-rig.ts';
import { machine, sharedWith, twoMachines, valueNames } from './shared-rig.ts';

describe.skipIf(noRedis !== null)(`an invalidation${leftOut}`, () => {
  const deps = ['file:/models/a.safetensors'];
  const file = { size: 1, mtimeNs: '1', ctimeNs: '1', ino: '1' };

  test.each<[string, Parameters<Memo['manage']['invalidate']>[0]]>([
    ['by key', { ns: 'n', keys: [keyOf(1)] }],
    ['by key in all namespaces', { keys: [keyOf(1)] }],
    ['by tag', { tags: ['t'] }],
    ['by file', { deps }],
    ['of a namespace', { ns: 'n' }],
    ['of everything', {}],
    ['by age', { ns: 'n', before: Number.MAX_SAFE_INTEGER }],
    ['by tag and size', { tags: ['t'], largerThan: 0 }],
  ])('%s counts for what is in Redis, also for other machines', async (_name, filter) => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    for (const one of [here, there]) one.files.set('/models/a.safetensors', file);
    await here.put(keyOf(1), 'before', { tags: ['t'], deps });
    await here.told();
    await here.memo.manage.invalidate(filter, { dryRun: false });
    expect(await here.get(keyOf(1))).toMatchObject({ state: 'miss' });
    await here.told();
    expect(await here.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    await here.put(keyOf(1), 'after', { tags: ['t'], deps });
    await here.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'hit', value: 'after' });
  });

  test('on a machine that has stored nothing yet counts, too', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'before', { tags: ['t'] });
    await here.told();
    expect(existsSync(join(there.dir, 'memo.db'))).toBe(false);
    await there.memo.manage.invalidate({ tags: ['t'] }, { dryRun: false });
    await there.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });

  test('while Redis is away counts when it is back, over a restart', async () => {
    const server = await startRedis();
    const here = await machine(server.url, { deadlineMs: 50 });
    const other = await machine(server.url);
    await other.put(keyOf(1), 'wrong', { tags: ['t'] });
    await other.told();
    server.hang();
    await expect.poll(() => here.get(keyOf(2)).then(() => here.stats().state), eventually()).toBe('away');
    await here.memo.manage.invalidate({ tags: ['t'] }, { dryRun: false });
    expect(here.stats()).toMatchObject({ state: 'away', owed: 1 });
    await here.memo[Symbol.asyncDispose]();
    server.goOn();
    const again = createMemo({ dir: here.dir, shared: sharedWith(server.url) });
    await expect.poll(() => again.memo.manage.stats().shared, eventually()).toMatchObject({ state: 'up', owed: 0 });
    expect(await again.get(keyOf(1))).toMatchObject({ state: 'miss' });
    // The fault has fired: the value is still there, and only its mark is gone.
    expect((await server.cli('keys', valueNames)).length).toBeGreaterThan(0);
  }, 120_000);

  test('while this machine shared with nobody counts when it shares again', async () => {
    const server = await startRedis();
    const here = await machine(server.url);
    await here.put(keyOf(1), 'wrong', { tags: ['t'] });
    await here.told();
    await here.memo[Symbol.asyncDispose]();
    const alone = createMemo({ dir: here.dir });
    await alone.memo.manage.invalidate({ tags: ['t'] }, { dryRun: false });
    await alone.memo[Symbol.asyncDispose]();
    const again = await machine(server.url, { dir: here.dir });
    await again.get(keyOf(9));
    await again.told();
    expect(await again.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });

  test('is not undone by an earlier result whose later one Redis could not be told of', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'first');
    await here.told();
    await here.put(keyOf(1), null, { given: { value: JSON.stringify('x'.repeat(100)) }, deps: ['file:/not/known'] });
    await here.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });

  test('is not undone when Redis loses what tells it', async () => {
    const server = await startRedis();
    const { here, there } = await twoMachines(server);
    await here.put(keyOf(1), 'a', { tags: ['t'] });
    await here.told();
    const spy = await server.spy();
    for (const name of await spy.keys('autocached:memo:1:mark:*')) await spy.del(String(name));
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });

  test('of a file that changed, or is another one on this machine, leaves Redis no word', async () => {
    const { here, there } = await twoMachines(await startRedis());
    here.files.set('/models/a.safetensors', file);
    await here.put(keyOf(1), 'of a', { deps });
    await here.told();
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    there.files.set('/models/a.safetensors', { ...file, mtimeNs: '2' });
    there.clock.advance(60_000);
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'miss' });
    there.files.set('/models/a.safetensors', file);
    there.clock.advance(60_000);
    expect(await there.get(keyOf(1))).toMatchObject({ state: 'hit', value: 'of a' });
  });
});
