import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Overrides } from '../../src/compose/daemon.ts';
import { Roots } from '../../src/roots/registry.ts';
import { Spellings } from '../../src/roots/spellings.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

describe('spellings of one path', () => {
  test('count as the first one, until that of the disk is known', () => {
    const spellings = new Spellings('/');
    expect(spellings.of('LORAS/A.safetensors')).toBe('LORAS/A.safetensors');
    expect(spellings.of('loras/a.SAFETENSORS')).toBe('LORAS/A.safetensors');
    expect(spellings.other('loras/A.safetensors')).toBe('LORAS/A.safetensors');
    spellings.note('loras/A.safetensors');
    expect(spellings.of('LORAS/A.safetensors')).toBe('loras/A.safetensors');
    expect(spellings.other('loras/A.safetensors')).toBeNull();
    expect(spellings.other('loras/B.safetensors')).toBeNull();
  });

  test('of a new file lie in the known folder', () => {
    const spellings = new Spellings('\\');
    spellings.note('loras\\Sub\\a.safetensors');
    expect(spellings.of('LORAS\\sub\\New.safetensors')).toBe('loras\\Sub\\New.safetensors');
  });

  test('are one where a letter and its accent are one character or two', () => {
    const spellings = new Spellings('/');
    spellings.note('loras/caf\u00e9.safetensors');
    expect(spellings.of('loras/cafe\u0301.safetensors')).toBe('loras/caf\u00e9.safetensors');
  });
});

describe('a root whose file system ignores case', () => {
  test('on Windows: another case, other slashes and the long form are one path with one category', () => {
    const roots = new Roots('win32');
    const { root } = roots.add({ path: 'C:\\models', origin: 'config' });
    roots.noteSpelling(root, 'C:\\models\\checkpoints\\a.ckpt');
    for (const path of [
      'c:/models/CHECKPOINTS/A.ckpt',
      'C:\\MODELS\\Checkpoints\\a.CKPT',
      '\\\\?\\c:\\models\\checkpoints\\A.ckpt',
    ])
      expect(roots.find(path)).toMatchObject({
        path: 'C:\\models\\checkpoints\\a.ckpt',
        rel: 'checkpoints\\a.ckpt',
        category: 'checkpoints',
      });
  });

  test('on a Mac: the folder itself may be spelled otherwise too; where case counts, it may not', () => {
    const roots = new Roots('darwin');
    const { root } = roots.add({ path: '/Users/u/Models', origin: 'config' });
    expect(roots.find('/users/U/models/vae/a')).toMatchObject({ path: '/Users/u/Models/vae/a', category: 'vae' });
    roots.learnCase(root, false);
    expect(roots.find('/users/U/models/vae/a')).toBeNull();
    expect(roots.find('/Users/u/Models/VAE/a')).toMatchObject({ path: '/Users/u/Models/VAE/a', category: 'VAE' });
  });

  test('on Linux: only what was found out of that root holds', () => {
    const roots = new Roots('linux');
    const usb = roots.add({ path: '/mnt/usb', origin: 'config', ignoresCase: true });
    roots.add({ path: '/mnt/ext4', origin: 'config' });
    roots.noteSpelling(usb.root, '/mnt/usb/loras/A.ckpt');
    expect(roots.find('/mnt/usb/LORAS/a.ckpt')?.path).toBe('/mnt/usb/loras/A.ckpt');
    expect(roots.resolveName('loras', 'a.CKPT').map(({ path }) => path)).toEqual([
      '/mnt/usb/loras/A.ckpt',
      '/mnt/ext4/loras/a.CKPT',
    ]);
    expect(roots.find('/mnt/ext4/LORAS/a.ckpt')).toMatchObject({ path: '/mnt/ext4/LORAS/a.ckpt', category: 'LORAS' });
  });
});

describe('a model asked for in another case', () => {
  const question = (path: string, of: string) => {
    const { size, mtimeNs } = statSync(of, { bigint: true });
    return { path, size: Number(size), mtimeNs: String(mtimeNs), purpose: 'load', waitMs: 0, client: { app: 'test' } } as const;
  };

  test('is the same entry with the same copy and category', async () => {
    const rig = await runDaemon({ 'checkpoints/Big.safetensors': 1000 }, {}, tempDir(), { ignoresCase: true });
    const model = join(rig.root, 'checkpoints/Big.safetensors');
    await rig.client.warm({ paths: [model], wait: true });
    const other = join(rig.root, 'CHECKPOINTS/big.SafeTensors');
    const [first, second] = [await rig.client.lookup(question(model, model)), await rig.client.lookup(question(other, model))];
    expect(second).toMatchObject({ reason: 'HIT', path: first.path, entry: first.entry });
    expect((await rig.client.entries({})).entries).toMatchObject([{ path: model, category: 'checkpoints', uses: 2 }]);
    await rig.client.pin({ paths: [other] });
    await rig.restart();
    expect(await rig.client.lookup(question(other, model))).toMatchObject({ reason: 'HIT', path: first.path });
    expect((await rig.client.entries({})).entries).toMatchObject([{ path: model, pinned: true }]);
  });

  test('before a walk has found it has one copy made, and is one entry under the spelling of the disk', {
    tags: 'slow',
  }, async () => {
    const rig = await runDaemon({ 'loras/first.safetensors': 10 }, {}, tempDir(), { ignoresCase: true });
    const model = join(rig.root, 'checkpoints/Big.safetensors');
    const other = join(rig.root, 'CHECKPOINTS/BIG.safetensors');
    mkdirSync(join(rig.dir, 'new'));
    for (const name of ['Big', 'Other']) writeModel(join(rig.dir, 'new', `${name}.safetensors`), 1000);
    const asked = question(other, join(rig.dir, 'new/Big.safetensors'));
    await rig.client.pauseJobs(true);
    const first = await rig.client.lookup(asked);
    renameSync(join(rig.dir, 'new'), dirname(model));
    const found = () => rig.client.ask<{ files: unknown[] }>('GET', '/api/cache/sources?search=other');
    await vi.waitFor(async () => expect((await found()).files).toHaveLength(1), soon());
    for (const path of [other, model])
      expect(await rig.client.lookup({ ...asked, path })).toMatchObject({ reason: 'QUEUED', job: { id: first.job?.id } });
    expect((await rig.client.jobs()).jobs).toHaveLength(1);
    // This disk does heed case: that copy fails, and the next one is made of what the walk has found.
    await rig.client.pauseJobs(false);
    await vi.waitFor(async () => expect((await rig.client.lookup(asked)).reason).toBe('HIT'), soon());
    expect((await rig.client.entries({})).entries).toMatchObject([{ path: model, category: 'checkpoints' }]);
    expect((await rig.client.jobs()).jobs.filter(({ state }) => state === 'done')).toMatchObject([{ path: model }]);
  });

  test('is one entry where an earlier version has made two, and keeps its uses, its pin and a copy', {
    tags: 'slow',
  }, async () => {
    const overrides: Partial<Overrides> = { ignoresCase: false };
    const rig = await runDaemon({ 'checkpoints/big.safetensors': 1000 }, {}, tempDir(), overrides);
    const model = join(rig.root, 'checkpoints/big.safetensors');
    const other = join(rig.root, 'CHECKPOINTS/BIG.safetensors');
    mkdirSync(dirname(other));
    writeModel(other, 1000);
    // The wrong one comes first.
    for (const path of [other, model]) await rig.client.warm({ paths: [path], wait: true });
    for (const path of [other, other, model]) await rig.client.lookup(question(path, path));
    await rig.client.pin({ paths: [other] });
    expect((await rig.client.entries({})).total).toBe(2);
    rmSync(dirname(other), { recursive: true });
    overrides.ignoresCase = true;
    await rig.restart();
    const joined = { path: model, category: 'checkpoints', uses: 3, pinned: true };
    await vi.waitFor(async () => expect((await rig.client.entries({})).entries).toMatchObject([joined]), soon());
    expect((await rig.client.lookup(question(other, model))).reason).toBe('HIT');
  });
});
