import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { runCli } from '../cli/run-cli.ts';
import { patience } from '../helpers/patience.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';
import { daemonWith, settled } from '../helpers/variants.ts';

describe('a variant', () => {
  test('is not made again, and is stale once its model has changed', { tags: 'slow' }, async () => {
    const { client, path } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const first = await settled(client, asked.path);
    expect(await new VariantClient(client).make({ model: path, to: 'fp8' })).toMatchObject({
      state: 'ready',
      createdAt: first.createdAt,
    });
    writeSafetensors(path, [
      ...tinyWan({ outliers: true }),
      ...tinyWan()
        .slice(0, 1)
        .map((one) => ({ ...one, name: 'more.weight' })),
    ]);
    await vi.waitFor(async () => expect((await settled(client, asked.path)).state).toBe('stale'), {
      timeout: patience(20_000),
    });
    await new VariantClient(client).make({ model: path, to: 'fp8' });
    expect(await settled(client, asked.path)).toMatchObject({ state: 'ready', sourceBytes: statSync(path).size });
  });

  test('stays when its model has changed into one that no variant is made of', { tags: 'slow' }, async () => {
    const { client, path } = await daemonWith();
    const variants = new VariantClient(client);
    const asked = await variants.make({ model: path, to: 'fp8' });
    const { bytes } = await settled(client, asked.path);
    const before = readFileSync(asked.path);
    writeFileSync(path, 'a download that has just begun');
    await expect(variants.make({ model: path, to: 'fp8' })).rejects.toMatchObject({ code: 'CORRUPT' });
    expect(await settled(client, asked.path)).toMatchObject({ state: 'stale', bytes });
    expect(readFileSync(asked.path).equals(before)).toBe(true);
  });

  test('that is stale stays until the new one is whole, also for those who have it open', { tags: 'slow' }, async () => {
    const { client, path, stateDir } = await daemonWith();
    const variants = new VariantClient(client);
    const asked = await variants.make({ model: path, to: 'fp8' });
    await settled(client, asked.path);
    const former = readFileSync(asked.path);
    const fd = openSync(asked.path, 'r');
    onTestFinished(() => closeSync(fd));
    writeSafetensors(path, tinyWan({ outliers: true }));
    await client.pauseJobs(true);
    expect(await variants.make({ model: path, to: 'fp8' })).toMatchObject({
      state: 'waiting',
      bytes: former.length,
      layers: 12,
    });
    expect(readFileSync(asked.path).equals(former)).toBe(true);
    const ended = await runCli(['variant', 'rm', asked.path], { stateDir });
    expect(ended.out).toBe(`${asked.path} is not made anew; the former one stays\n`);
    expect((await settled(client, asked.path)).state).toBe('stale');
    await variants.make({ model: path, to: 'fp8' });
    await client.pauseJobs(false);
    expect(await settled(client, asked.path)).toMatchObject({ state: 'ready', sourceBytes: statSync(path).size });
    expect(readFileSync(asked.path).equals(former)).toBe(false);
    expect(readFileSync(fd).equals(former)).toBe(true);
    expect((await variants.list()).bytes).toBe(statSync(asked.path).size);
  });

  test('that is stale stays, and says why, when no new one can be made; the command fails then', async () => {
    const { client, path, stateDir } = await daemonWith({ AUTOCACHE_LIMIT: '420KiB', AUTOCACHE_VARIANTS_LIMIT: '100%' });
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const { bytes } = await settled(client, asked.path);
    const former = readFileSync(asked.path);
    writeSafetensors(path, tinyWan({ dtype: 'F32' }));
    const { code, err } = await runCli(['variant', 'make', path, '--to', 'fp8'], { stateDir });
    expect([code, err]).toEqual([1, expect.stringContaining('has changed since: the new one was not made: ')]);
    expect(await settled(client, asked.path)).toMatchObject({ state: 'stale', bytes, why: expect.stringContaining('short') });
    expect(readFileSync(asked.path).equals(former)).toBe(true);
    expect((await new VariantClient(client).list()).bytes).toBe(bytes);
  });

  test('that another program has removed is made again', async () => {
    const { client, path } = await daemonWith();
    const ask = () => new VariantClient(client).make({ model: path, to: 'fp8' });
    const { path: place } = await ask();
    const { bytes } = await settled(client, place);
    rmSync(place);
    await ask();
    expect(await settled(client, place)).toMatchObject({ state: 'ready', bytes });
    expect(statSync(place).size).toBe(bytes);
  });
});
