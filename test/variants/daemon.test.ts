import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { VariantClient } from '../../src/cli/variant-client.ts';
import { formatBytes } from '../../src/core/format.ts';
import { runCli } from '../cli/run-cli.ts';
import { filesBelow } from '../full/oracles.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { tinyWan, writeSafetensors } from '../helpers/tiny-model.ts';
import { daemonWith, settled } from '../helpers/variants.ts';

describe('a variant', () => {
  test('is made of the copy on the SSD, in the folder of its category, and counts in the limit', async () => {
    const { client, path, dir, stateDir } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const place = join(dir, 'ssd', 'variants', 'diffusion_models', 'sub', 'wan ä.autocached-fp8.safetensors');
    expect(asked).toMatchObject({
      path: place,
      name: 'sub/wan ä.autocached-fp8.safetensors',
      category: 'diffusion_models',
      form: 'fp8',
    });
    const made = await settled(client, place);
    expect(made).toMatchObject({ state: 'ready', why: null, source: path, architecture: 'wan', layers: 12, job: null });
    expect(statSync(place).size).toBe(made.bytes);
    const { bytes } = await new VariantClient(client).list();
    expect(bytes).toBe(made.bytes);
    const { folders } = JSON.parse(readFileSync(join(stateDir, 'variants', 'folders.json'), 'utf8'));
    expect(folders).toEqual([{ name: 'variants', path: join(dir, 'ssd', 'variants'), category: null }]);
    const jobs = (await client.jobs()).jobs.map(({ kind, state }) => [kind, state]);
    expect(jobs).toContainEqual(['derive', 'done']);
    expect(jobs).toContainEqual(['copy', 'done']);
  });

  test('is counted by status, and by what an uninstallation would free', { tags: 'slow' }, async () => {
    const { client, path, stateDir } = await daemonWith();
    const run = (...words: string[]) => runCli(words, { stateDir, cwd: tempDir(), self: ['/usr/bin/node', '/opt/a.js'] });
    expect((await client.stats()).variants).toBeUndefined();
    expect((await run('status')).out).not.toContain('variant');
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const { bytes } = await settled(client, asked.path);
    const stats = await client.stats();
    const ssd = stats.tiers.find(({ tier }) => tier === 'ssd');
    const limit = Math.floor((ssd?.limit ?? 0) / 2);
    expect(stats.variants).toEqual({ files: 1, bytes, limit });
    expect(ssd?.utilisation).toBe(((ssd?.bytes ?? 0) + bytes) / (ssd?.limit ?? 0));
    expect((await run('status')).out).toContain(
      `1 variant, ${formatBytes(bytes)} of the limit (at most ${formatBytes(limit)})`,
    );
    expect((await run('uninstall', '--dry-run')).out).toMatch(/1 copy, 1 variant; frees/);
  });

  test('is what a lookup of its own path answers, and never that of the model', async () => {
    const { client, path } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: 'diffusion_models/sub/wan ä.safetensors', to: 'int8' });
    await settled(client, asked.path);
    const ask = (of: string) => client.lookup({ path: of, purpose: 'load', waitMs: 0, client: null });
    expect(await ask(asked.path)).toMatchObject({ path: asked.path, reason: 'BYPASS_FAST_SOURCE' });
    expect((await ask(path)).path).not.toContain('.autocached-');
  });

  test('tells what rounding cost each layer, the worst ones first', { tags: 'slow' }, async () => {
    const { client, path } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: path, to: 'auto8', fastMatmul: true });
    await settled(client, asked.path);
    const { layers, sha256, variant } = await new VariantClient(client).report('wan ä.autocached-auto8-fast.safetensors');
    expect(variant.leastSqnr).toBe(layers[0]?.sqnr);
    expect(layers.map(({ sqnr }) => sqnr)).toEqual(layers.map(({ sqnr }) => sqnr).toSorted((a, b) => Number(a) - Number(b)));
    expect(sha256).toMatch(/^[\da-f]{64}$/);
  });

  test('that two ask for at once is made once', { tags: 'slow' }, async () => {
    const { client, path } = await daemonWith();
    const ask = () => new VariantClient(client).make({ model: path, to: 'fp8' });
    const [one, other] = await Promise.all([ask(), ask()]);
    expect(other.path).toBe(one.path);
    expect(await settled(client, one.path)).toMatchObject({ state: 'ready', why: null });
    expect((await client.jobs()).jobs.filter(({ kind }) => kind === 'derive')).toMatchObject([{ state: 'done' }]);
  });

  test('is removed by name, and its room is free again', async () => {
    const { client, path, dir } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const { bytes } = await settled(client, asked.path);
    expect(await new VariantClient(client).remove(asked.name)).toEqual({
      path: asked.path,
      bytes,
      formerStays: false,
    });
    expect(existsSync(asked.path)).toBe(false);
    expect(existsSync(join(dir, 'ssd', 'variants', 'diffusion_models'))).toBe(false);
    expect(await new VariantClient(client).list()).toMatchObject({ bytes: 0, variants: [] });
    await expect(new VariantClient(client).remove(asked.name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test("is told in its model's story, with the five layers that lost most, and so in its own", { tags: 'slow' }, async () => {
    const { client, path, stateDir } = await daemonWith();
    expect((await client.explain(path)).variants).toBeUndefined();
    const asked = await new VariantClient(client).make({ model: path, to: 'int8' });
    await settled(client, asked.path);
    const { layers } = await new VariantClient(client).report(asked.path);
    const { variants } = await client.explain(path);
    expect(variants).toMatchObject([{ path: asked.path, state: 'ready', worst: layers.slice(0, 5) }]);
    expect((await client.explain(asked.path)).variants).toEqual(variants);
    const { out } = await runCli(['explain', path], { stateDir });
    expect(out).toContain(`variant diffusion_models/${asked.name}: ready`);
    expect(out.match(/: \d+\.\d dB in I8, weights are off by [\d.]+ % in the mean$/gm)?.length).toBe(5);
  });

  test('is meant by a part of its name, by its model, or by a glob, and removed after a question', {
    tags: 'slow',
  }, async () => {
    const { client, path, stateDir } = await daemonWith();
    const run = (words: string[], more = {}) => runCli(['variant', ...words], { stateDir, ...more });
    const made = [];
    for (const to of ['fp8', 'int8'] as const) made.push(await new VariantClient(client).make({ model: path, to }));
    for (const one of made) await settled(client, one.path);
    expect((await run(['report', 'INT8'])).out).toContain('sub/wan ä.autocached-int8.safetensors');
    const again = await run(['make', 'wan ä', '--to', 'fp8']);
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('wan ä.autocached-fp8.safetensors')]);
    const both = await run(['report', 'wan ä.safetensors']);
    expect([both.code, both.err]).toEqual([2, expect.stringContaining('2 variants match "wan ä.safetensors"')]);
    expect((await run(['rm', 'wan ä.autocached-fp9.safetensors'])).err).toContain(
      'did you mean diffusion_models/sub/wan ä.autocached-fp8.safetensors?',
    );
    const refused = await run(['rm', '*fp8*'], { interactive: true, input: 'n\n' });
    expect([refused.code, refused.out]).toEqual([1, 'nothing removed\n']);
    expect(made.map((one) => existsSync(one.path))).toEqual([true, true]);
    const { code, out } = await run(['rm', '*.autocached-*'], { interactive: true, input: 'y\n' });
    expect([code, out.match(/^removed /gm)?.length]).toEqual([0, 2]);
    expect(made.map((one) => existsSync(one.path))).toEqual([false, false]);
  });

  test('outlives the daemon and the catalog', { tags: 'slow' }, async () => {
    const rig = await daemonWith();
    const asked = await new VariantClient(rig.client).make({ model: rig.path, to: 'fp8' });
    const { bytes } = await settled(rig.client, asked.path);
    await rig.restart();
    expect((await new VariantClient(rig.client).list()).variants).toMatchObject([
      { path: asked.path, state: 'ready', source: rig.path },
    ]);
    await rig.end();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.stateDir, `catalog.db${suffix}`), { force: true });
    await rig.restart();
    await vi.waitFor(
      async () =>
        expect((await new VariantClient(rig.client).list()).variants).toMatchObject([
          { path: asked.path, state: 'ready', source: null, bytes },
        ]),
      { timeout: patience(20_000) },
    );
    const files = (await rig.client.stats()).tiers;
    expect(files.find(({ tier }) => tier === 'ssd')).toMatchObject({ outside: 0 });
  });

  test('that was not finished when the daemon ended is made by the next one', { tags: 'slow' }, async () => {
    const rig = await daemonWith();
    await rig.client.pauseJobs(true);
    const asked = await new VariantClient(rig.client).make({ model: rig.path, to: 'fp8' });
    expect(asked.state).toBe('waiting');
    await rig.restart();
    expect(await settled(rig.client, asked.path)).toMatchObject({ state: 'ready', source: rig.path });
  });
});

describe('no variant is made, and the reason is told', () => {
  test('of what is unknown, of another kind, or by no recipe', async () => {
    const { client, root, path } = await daemonWith();
    const other = join(root, 'diffusion_models', 'other.safetensors');
    writeSafetensors(other, tinyWan().slice(0, 1));
    const text = join(root, 'diffusion_models', 'note.safetensors');
    writeFileSync(text, 'no model');
    const ask = (model: string, more = {}) => new VariantClient(client).make({ model, to: 'fp8', ...more });
    await expect(ask(other)).rejects.toThrow(`no variant of ${other}: the names of its tensors are of no architecture that`);
    await expect(ask(text)).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(ask('/elsewhere/a.safetensors')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(ask(join(root, 'diffusion_models', 'none.safetensors'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    await expect(new VariantClient(client).make({ model: path })).rejects.toThrow('needs a format');
    await expect(new VariantClient(client).make({ model: path, to: 'bf16', fastMatmul: true })).rejects.toThrow('8 bits');
    expect(await new VariantClient(client).list()).toMatchObject({ bytes: 0, variants: [] });
  });

  test('beyond what variants may take: nothing is written for it, not even a copy of its model', { tags: 'slow' }, async () => {
    const { client, path, stateDir, dir } = await daemonWith({ AUTOCACHE_VARIANTS_LIMIT: '150KiB' });
    const variants = new VariantClient(client);
    await client.pauseJobs(true);
    const first = await variants.make({ model: path, to: 'fp8' });
    const refused = await runCli(['variant', 'make', path, '--to', 'int8'], { stateDir });
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(`variants may take ${formatBytes(150 * 1024)} and have `);
    expect(refused.err).toContain('AUTOCACHE_VARIANTS_LIMIT is what they may take');
    expect((await client.jobs()).jobs.filter(({ kind }) => kind === 'derive')).toEqual([]);
    expect(filesBelow(join(dir, 'ssd', 'variants'))).toEqual([]);
    expect((await variants.list()).variants.map(({ form }) => form)).toEqual(['fp8']);
    await client.pauseJobs(false);
    const { bytes } = await settled(client, first.path);
    await expect(variants.make({ model: path, to: 'auto8' })).rejects.toMatchObject({ code: 'NO_SPACE' });
    await client.changeConfig({ variants_limit: `${Math.floor(bytes / 2)}` });
    await expect(variants.make({ model: path, to: 'int8' })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    // What is there stays; one more has room after a change.
    expect(await variants.list()).toMatchObject({ bytes, limit: Math.floor(bytes / 2) });
    await client.changeConfig({ variants_limit: `${3 * bytes}` });
    expect(await settled(client, (await variants.make({ model: path, to: 'int8' })).path)).toMatchObject({ state: 'ready' });
  });

  test('beyond the limit: it fails with that, holds nothing, and no copy has left for it', async () => {
    const { client, path } = await daemonWith({ AUTOCACHE_LIMIT: '170KiB', AUTOCACHE_VARIANTS_LIMIT: '100%' });
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    const failed = await settled(client, asked.path);
    expect(failed).toMatchObject({ state: 'failed', why: expect.stringMatching(/short|larger/) });
    expect(await new VariantClient(client).list()).toMatchObject({ bytes: 0 });
    expect(existsSync(asked.path)).toBe(false);
  });

  test('over a file of the user', { tags: 'slow' }, async () => {
    const { client, path, dir } = await daemonWith();
    const asked = await new VariantClient(client).make({ model: path, to: 'fp8' });
    await settled(client, asked.path);
    await new VariantClient(client).remove(asked.name);
    const place = join(dir, 'ssd', 'variants', 'diffusion_models', 'sub', 'wan ä.autocached-int8.safetensors');
    writeSafetensors(place, tinyWan());
    await expect(new VariantClient(client).make({ model: path, to: 'int8' })).rejects.toMatchObject({ code: 'CONFLICT' });
    onTestFinished(() => expect(existsSync(place)).toBe(true));
  });
});
