import { describe, expect, it } from 'vitest';
import { isUncPath, knownVolume, type Machine } from '../../src/media/machine.ts';
import { foreignPart, resolveLocally } from '../../src/media/resolve-locally.ts';

/** A machine of links and volumes; fails when a network path is touched, which on a real one could hang. */
function machine(
  links: Record<string, string>,
  volumes: Record<string, boolean>,
  platform: NodeJS.Platform = 'linux',
): Machine {
  const known = Object.entries(volumes).map(([mountPoint, network]) => ({ mountPoint, network }));
  const volumeOf = (path: string) => knownVolume(known, path, platform);
  return {
    platform,
    volumeOf,
    async readlink(path) {
      if (volumeOf(path).network) throw new Error(`${path} was touched`);
      return links[path] ?? null;
    },
  };
}

const linux = machine(
  {
    '/home/u/nas': '/mnt/nas/models',
    '/home/u/comfy': '../shared/ComfyUI',
    '/home/shared/ComfyUI/models': '/data/models',
    '/data/models/loras': '/mnt/nas/loras',
    '/data/models/usb': '/mnt/usb',
    '/data/models/inner': 'checkpoints',
    '/loop/a': '/loop/b',
    '/loop/b': '/loop/a',
  },
  { '/': false, '/mnt/nas': true, '/mnt/usb': false, '/data/models/mounted': true },
);

describe('following links without touching the network', () => {
  it.each([
    ['/home/u/plain', '/home/u/plain', null],
    ['/home/u/nas/a/b', '/mnt/nas/models/a/b', '/home/u/nas'],
    ['/mnt/nas/x', '/mnt/nas/x', '/mnt/nas'],
    ['/home/u/comfy/models/vae/x', '/data/models/vae/x', null],
    ['/home/u/comfy/models/loras/x', '/mnt/nas/loras/x', '/home/u/comfy/models/loras'],
    ['/data/models/mounted/x', '/data/models/mounted/x', '/data/models/mounted'],
  ])('%s', async (path, resolved, networkAt) => {
    expect(await resolveLocally(path, linux)).toEqual({ path: resolved, networkAt });
  });

  it('ends in a loop of links', async () => {
    expect(await resolveLocally('/loop/a/x', linux)).toMatchObject({ networkAt: null });
  });

  it('sees a Windows link that leads to a share, and a mapped drive', async () => {
    const links = { 'C:\\ComfyUI\\models\\loras': '\\\\nas\\models\\loras', 'C:\\ComfyUI\\models\\vae': 'D:\\vae' };
    const win = machine(links, { 'C:': false, 'D:': false, 'Z:': true }, 'win32');
    expect(await resolveLocally('C:\\ComfyUI\\models\\loras\\a.safetensors', win)).toEqual({
      path: '\\\\nas\\models\\loras\\a.safetensors',
      networkAt: 'C:\\ComfyUI\\models\\loras',
    });
    expect((await resolveLocally('C:\\ComfyUI\\models\\vae\\a', win)).path).toBe('D:\\vae\\a');
    expect((await resolveLocally('z:\\models\\a', win)).networkAt).toBe('z:\\');
  });
});

describe('where a path leaves the volume of its root', () => {
  it.each([
    ['/data/models', '/data/models/vae/a', null],
    ['/data/models', '/data/models/inner/a', null],
    ['/data/models', '/data/models/loras/sub/a', '/data/models/loras'],
    ['/data/models', '/data/models/usb/a', '/data/models/usb'],
    ['/data/models', '/data/models/mounted', '/data/models/mounted'],
    ['/home/u/nas', '/home/u/nas/a', '/home/u/nas'],
    ['/data/models', '/data/models', null],
  ])('%s: %s', async (root, path, at) => {
    expect(await foreignPart(root, path, linux)).toBe(at);
  });
});

describe('Windows shares', () => {
  it.each([
    ['\\\\nas\\models', true],
    ['//nas/models', true],
    ['\\\\?\\UNC\\nas\\models', true],
    ['\\\\wsl.localhost\\Debian\\home', true],
    ['C:\\models', false],
    ['\\\\?\\C:\\models', false],
    ['\\\\.\\PHYSICALDRIVE0', false],
    ['/mnt/models', false],
  ])('%s: %s', (path, share) => {
    expect(isUncPath(path)).toBe(share);
  });
});
