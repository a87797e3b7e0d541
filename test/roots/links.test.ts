import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { detectMedium } from '../../src/media/medium.ts';
import { registerRoot } from '../../src/roots/register.ts';
import { Roots } from '../../src/roots/registry.ts';
import { SourceClient } from '../../src/sources/client.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { tempTree } from '../sources/temp-tree.ts';
import { keeping } from './keeping.ts';

/** A disk in memory, which counts as fast, beside that of the temporary directory. */
const memory = '/dev/shm';
const hasTwoDisks = (() => {
  try {
    accessSync(memory, constants.W_OK);
    return process.platform === 'linux' && statSync(memory).dev !== statSync(tmpdir()).dev;
  } catch {
    return false;
  }
})();

const temporary = await detectMedium(tmpdir());

function linkTo(target: string, link: string): string {
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(target, link);
  return link;
}

describe.runIf(hasTwoDisks)('a link to a single model on another disk', () => {
  const question = (path: string) => {
    const { size, mtimeNs } = statSync(path, { bigint: true });
    return { path, size: Number(size), mtimeNs: String(mtimeNs), purpose: 'load', waitMs: 0, client: null } as const;
  };

  test('is not copied from a fast disk, though its folder is on a slow one', async () => {
    const rig = await runDaemon({ 'loras/slow.safetensors': 1000 });
    const fast = join(tempDir(memory), 'fast.safetensors');
    writeModel(fast, 1000);
    const link = linkTo(fast, join(rig.root, 'loras/fast.safetensors'));
    const slow = join(rig.root, 'loras/slow.safetensors');
    // Nobody has looked at the link before.
    expect(await rig.client.lookup({ path: link, purpose: 'load', waitMs: 0, client: null })).toMatchObject({
      path: link,
      tier: 'ssd',
      reason: 'BYPASS_FAST_SOURCE',
    });
    expect(await rig.client.lookup(question(slow))).toMatchObject({ tier: 'hdd' });
    expect(await rig.client.lookup(question(link))).toMatchObject({ tier: 'ssd', reason: 'BYPASS_FAST_SOURCE' });
  });

  test('is not copied from a fast disk either when only its asker has looked at it', async () => {
    const rig = await runDaemon({ 'loras/slow.safetensors': 1000 });
    const fast = join(tempDir(memory), 'fast.safetensors');
    writeModel(fast, 1000);
    const link = linkTo(fast, join(rig.root, 'loras/fast.safetensors'));
    const first = await rig.client.lookup({ ...question(link), waitMs: 60_000 });
    expect(first.path).toBe(link);
    expect(await rig.client.lookup(question(link))).toMatchObject({ tier: 'ssd', reason: 'BYPASS_FAST_SOURCE' });
    expect((await rig.client.entries({ cached: true })).total).toBe(0);
  });

  // The temporary directory of some machines lies on an SSD, and the system says so.
  test.runIf(temporary.kind !== 'ssd')('is copied from a slow disk, though its folder is on a fast one', async () => {
    const folder = tempDir(memory);
    const slow = join(tempDir(), 'slow.safetensors');
    const bytes = writeModel(slow, 1000);
    writeModel(join(folder, 'loras/fast.safetensors'), 1000);
    const link = linkTo(slow, join(folder, 'loras/slow.safetensors'));
    const rig = await runDaemon({}, { AUTOCACHE_ROOTS: folder });
    expect((await rig.client.stats()).roots).toMatchObject([{ path: folder, kind: 'ssd' }]);
    expect(await rig.client.warm({ paths: [link], wait: true })).toMatchObject({ ready: 1 });
    const { path, reason } = await rig.client.lookup(question(link));
    expect(reason).toBe('HIT');
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe.skipIf(process.platform === 'win32')('a root that is a link', () => {
  function registering() {
    const roots = new Roots();
    const host = new SourceClient({ roots });
    onTestFinished(() => host[Symbol.asyncDispose]());
    const top = tempTree({
      'disk/models/loras/a.safetensors': 'x',
      'disk/models/vae/b.safetensors': 'x',
      models: '-> disk/models',
    });
    const [link, real] = [join(top, 'models'), join(top, 'disk/models')];
    const says = () => registerRoot({ path: link, origin: 'config', kind: 'hdd' }, { roots, host, cacheDirs: [] });
    const registers = () => {
      const spec = { path: join(real, 'loras'), origin: 'comfyui', category: 'loras' } as const;
      return registerRoot(spec, { roots, host, cacheDirs: [] });
    };
    return { roots, link, real, says, registers };
  }

  test.each(['the settings first', 'ComfyUI first'])('is what the settings say by its real path too (%s)', async (order) => {
    const { roots, link, real, says, registers } = registering();
    const [first, second] = order === 'ComfyUI first' ? [registers, says] : [says, registers];
    await first();
    await second();
    for (const path of [join(link, 'loras/a.safetensors'), join(real, 'loras/a.safetensors')]) {
      expect(roots.find(path)).toMatchObject({ medium: 'hdd', root: { kindFrom: 'configured' }, category: 'loras' });
    }
    // One file has one entry.
    expect(new Set([link, real].map((folder) => roots.find(join(folder, 'loras/a.safetensors'))?.path)).size).toBe(1);
    expect(roots.find(join(real, 'vae/b.safetensors'))).toMatchObject({ path: join(link, 'vae/b.safetensors'), medium: 'hdd' });
  });

  test('stays what the settings say when ComfyUI registers the very folder that it leads to', async () => {
    const { roots, real, says } = registering();
    await says();
    const host = new SourceClient({ roots });
    onTestFinished(() => host[Symbol.asyncDispose]());
    await registerRoot({ path: real, origin: 'comfyui' }, { roots, host, cacheDirs: [] });
    expect(roots.list()).toMatchObject([{ path: real, kind: 'hdd', kindFrom: 'configured' }]);
  });

  test('is no longer found by the folder that it led to before', async () => {
    const { keeper, roots, host } = keeping();
    const top = tempTree({ 'old/a.ckpt': 'x', 'new/a.ckpt': 'x', models: '-> old' });
    const link = join(top, 'models');
    const { root } = await registerRoot({ path: link, origin: 'config' }, { roots, host, cacheDirs: [] });
    await keeper.check(root);
    expect(roots.find(join(top, 'old/a.ckpt'))?.path).toBe(join(link, 'a.ckpt'));
    symlinkSync('new', join(top, 'next'));
    renameSync(join(top, 'next'), link);
    await keeper.check(root);
    expect(roots.find(join(top, 'old/a.ckpt'))).toBeNull();
    expect(roots.find(join(top, 'new/a.ckpt'))?.path).toBe(join(link, 'a.ckpt'));
    unlinkSync(link);
    rmSync(join(top, 'new'), { recursive: true });
  });
});

describe('what the settings say of a folder', () => {
  const medium = { kind: 'ssd', from: 'detected', device: 'sda', fileSystem: 'ext4', resolved: '/x/loras' } as const;

  test('holds for one in it that was registered before, and is said anew for both', () => {
    const roots = new Roots('linux');
    const { root } = roots.add({ path: '/x/loras', origin: 'comfyui', medium });
    roots.add({ path: '/x', origin: 'config', kind: 'hdd', medium: { ...medium, resolved: '/x' } });
    expect(root).toMatchObject({ kind: 'hdd', kindFrom: 'configured' });
    roots.add({ path: '/x', origin: 'config', kind: 'nas' });
    expect(root.kind).toBe('nas');
  });

  test('does not hold against what they say of one in it, nor for another disk', () => {
    const roots = new Roots('linux');
    const own = roots.add({ path: '/x/own', origin: 'config', kind: 'nas', medium });
    const other = roots.add({ path: '/x/other', origin: 'comfyui', medium: { ...medium, device: 'nvme0n1' } });
    roots.add({ path: '/x', origin: 'config', kind: 'hdd', medium });
    expect([own.root.kind, other.root.kind]).toEqual(['nas', 'ssd']);
  });
});

test('a file or folder in a root that a link leads to another disk has the medium of that disk', () => {
  const roots = new Roots('linux');
  const disk = { kind: 'hdd', from: 'detected', device: 'sda', fileSystem: 'ext4', resolved: '/m' } as const;
  const share = { ...disk, kind: 'nas', device: '//nas/x', fileSystem: 'nfs4' } as const;
  roots.add({ path: '/m', origin: 'config', medium: disk });
  roots.learnPart('/m/loras/one.safetensors', { ...share, resolved: '/mnt/one.safetensors' });
  roots.learnPart('/m/vae', { ...share, resolved: '/mnt/vae' });
  roots.learnPart('/m/loras/plain.safetensors', disk);
  const mediumOf = (path: string) => roots.find(path)?.medium;
  expect(
    ['loras/one.safetensors', 'vae/a', 'vae/b/c', 'loras/plain.safetensors', 'loras/x'].map((rel) => mediumOf(`/m/${rel}`)),
  ).toEqual(['nas', 'nas', 'nas', 'hdd', 'hdd']);
  expect(['loras/one.safetensors', 'vae/b/c', 'loras/x'].map((rel) => roots.find(`/m/${rel}`)?.device)).toEqual([
    '//nas/x',
    '//nas/x',
    'sda',
  ]);
  // It lies on the same disk, in a folder of which the user has said what it is.
  roots.add({ path: '/m2', origin: 'config', kind: 'ssd', medium: { ...disk, resolved: '/m2' } });
  roots.learnPart('/m/loras/plain.safetensors', { ...disk, resolved: '/m2/plain.safetensors' });
  expect(mediumOf('/m/loras/plain.safetensors')).toBe('ssd');
  // The link is replaced by a file.
  roots.learnPart('/m/loras/one.safetensors', disk);
  expect(mediumOf('/m/loras/one.safetensors')).toBe('hdd');
});
