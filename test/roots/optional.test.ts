import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';

test('after a restart, folders of ComfyUI that were never there are no outages; one that had models is', async () => {
  const daemon = await runDaemon({ 'loras/a.safetensors': 1000 });
  const comfyui = join(daemon.dir, 'comfyui');
  const folder = (name: string) => join(comfyui, name);
  mkdirSync(folder('empty'), { recursive: true });
  const model = writeModel(folder('used/a.safetensors'), 1000) && folder('used/a.safetensors');
  // Roots are looked at in the order of their paths.
  writeModel(folder('zuletzt/a.safetensors'), 10);
  const roots = ['absent', 'empty', 'used', 'zuletzt'].map((name) => ({ path: folder(name), category: 'loras' }));
  await daemon.client.registerRoots({ roots, origin: 'comfyui' });
  await daemon.client.warm({ paths: [model], wait: true });
  rmSync(folder('used'), { recursive: true });
  await daemon.restart();
  const health = async () => {
    const { roots: found } = await daemon.client.stats();
    return Object.fromEntries(found.map(({ path, health: is }) => [path, is]));
  };
  await vi.waitFor(async () => expect((await health())[folder('zuletzt')]).toBe('ok'), soon());
  const found = await health();
  expect([found[folder('absent')], found[folder('empty')]]).toEqual(['unknown', 'unknown']);
  expect(found[folder('used')]).not.toBe('ok');
  expect(found[folder('used')]).not.toBe('unknown');
});

test('after the last model of a folder was deleted or moved away, it is no outage, nor after a restart: the model is missing', {
  tags: 'slow',
}, async () => {
  const daemon = await runDaemon({ 'vae/v.safetensors': 1000 });
  const folder = (name: string) => join(daemon.dir, 'comfyui', name);
  const model = (name: string) => join(folder(name), 'a.safetensors');
  const names = ['now', 'later'];
  for (const name of names) writeModel(model(name), 1000);
  const roots = names.map((name) => ({ path: folder(name), category: 'loras' }));
  await daemon.client.registerRoots({ roots, origin: 'comfyui' });
  await daemon.client.warm({ paths: names.map(model), wait: true });
  const health = async (name: string) => (await daemon.client.stats()).roots.find(({ path }) => path === folder(name))?.health;
  const ask = (name: string) =>
    daemon.client.lookup({ path: model(name), purpose: 'load', waitMs: 0, client: { app: 'test' } });
  const isMissing = (name: string) =>
    vi.waitFor(async () => expect(await ask(name)).toMatchObject({ reason: 'SOURCE_MISSING', path: model(name) }), soon());
  // Which directory it is is noted when it is looked at.
  await daemon.restart();
  await vi.waitFor(async () => expect([await health('now'), await health('later')]).toEqual(['ok', 'ok']), soon());
  expect(await ask('now')).toMatchObject({ reason: 'HIT' });
  rmSync(model('now'));
  await isMissing('now');
  await daemon.end();
  renameSync(model('later'), join(daemon.dir, 'moved.safetensors'));
  await daemon.restart();
  await isMissing('now');
  await isMissing('later');
  await vi.waitFor(async () => expect([await health('now'), await health('later')]).toEqual(['ok', 'ok']), soon());
  renameSync(join(daemon.dir, 'moved.safetensors'), model('later'));
  await vi.waitFor(async () => expect(await ask('later')).toMatchObject({ reason: 'HIT' }), soon());
  // Another directory in its place may be the mount point of a volume.
  renameSync(folder('later'), folder('unmounted'));
  mkdirSync(folder('later'));
  await vi.waitFor(async () => expect(await ask('later')).toMatchObject({ reason: 'HIT_OFFLINE' }), soon());
});

describe('a folder that was renamed', () => {
  async function renamed() {
    const daemon = await runDaemon({ 'loras/a.safetensors': 1000 });
    const old = join(daemon.dir, 'old');
    writeModel(join(old, 'b.safetensors'), 2000);
    writeModel(join(old, 'c.safetensors'), 10);
    await daemon.client.registerRoots({ roots: [{ path: old, category: 'loras' }], origin: 'comfyui' });
    await daemon.client.warm({ paths: [join(old, 'b.safetensors')], wait: true });
    renameSync(old, join(daemon.dir, 'new'));
    const paths = async () => (await daemon.client.stats()).roots.map(({ path }) => path);
    return { daemon, old, paths };
  }

  test('is forgotten for good, and its copies are not', { tags: 'slow' }, async () => {
    const { daemon, old, paths } = await renamed();
    expect(await daemon.client.forgetRoots({ paths: [old] })).toMatchObject({ removed: null });
    expect(await paths()).toEqual([daemon.root]);
    await daemon.restart();
    expect(await paths()).toEqual([daemon.root]);
    expect((await daemon.client.entries({ cached: true })).total).toBe(1);
  });

  test('is forgotten with its copies, on the command line after it said how many', async () => {
    const { daemon, old, paths } = await renamed();
    const asked = await runCli(['root', 'forget', old, '--with-copies'], { stateDir: daemon.stateDir });
    expect(asked.code).not.toBe(0);
    expect(asked.err).toContain('removes 1 of');
    const done = await runCli(['root', 'forget', old, '--with-copies', '--yes'], { stateDir: daemon.stateDir });
    expect(done.code).toBe(0);
    expect(await paths()).toEqual([daemon.root]);
    expect((await daemon.client.entries({ cached: true })).total).toBe(0);
  });

  test('is forgotten by any of its names, with the disks that links in it lead to, and does not come back with a restart', async () => {
    const daemon = await runDaemon({ 'loras/a.safetensors': 1000 });
    const [real, link, other] = ['real', 'link', 'other'].map((name) => join(daemon.dir, name)) as [string, string, string];
    writeModel(join(real, 'loras/b.safetensors'), 2000);
    symlinkSync(real, link);
    symlinkSync(link, other);
    const paths = async () => (await daemon.client.stats()).roots.map(({ path }) => path);
    const register = (path: string) => daemon.client.registerRoots({ roots: [{ path }], origin: 'api' });
    await register(link);
    await register(other);
    await register(join(real, 'loras'));
    expect(await paths()).toEqual([daemon.root, link, join(link, 'loras')]);
    await daemon.client.forgetRoots({ paths: [join(real, 'loras/')] });
    await daemon.client.forgetRoots({ paths: [real] });
    expect(await paths()).toEqual([daemon.root]);
    await daemon.restart();
    expect(await paths()).toEqual([daemon.root]);
  });

  test('is refused while the settings name it, and told when nobody knows it', { tags: 'slow' }, async () => {
    const { daemon } = await renamed();
    await expect(daemon.client.forgetRoots({ paths: [daemon.root] })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(daemon.client.forgetRoots({ paths: ['/nowhere'] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
