import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanName, posixPaths, windowsPaths } from '../../src/media/paths.ts';
import { Roots } from '../../src/roots/registry.ts';

const facts = { from: 'detected', device: 'sda', fileSystem: 'ext4', resolved: '/x' } as const;

function rootsOf(platform: NodeJS.Platform, paths: string[]): Roots {
  const roots = new Roots(platform);
  for (const path of paths) roots.add({ path, origin: 'config' });
  return roots;
}

describe('the kind that the settings say of a root', () => {
  const medium = { ...facts, kind: 'ssd' } as const;

  it('holds for a root below it on the same disk, which a program registers', () => {
    const roots = new Roots('linux');
    roots.add({ path: '/x', origin: 'config', kind: 'hdd', medium });
    const { root } = roots.add({ path: '/x/loras', origin: 'comfyui', category: 'loras', medium });
    expect(root).toMatchObject({ kind: 'hdd', kindFrom: 'configured' });
    expect(roots.find('/x/loras/a.safetensors')?.root.kind).toBe('hdd');
  });

  it('does not hold for a disk that is mounted below it, nor against what is said of that root itself', () => {
    const roots = new Roots('linux');
    roots.add({ path: '/x', origin: 'config', kind: 'hdd', medium });
    const mounted = roots.add({ path: '/x/fast', origin: 'comfyui', medium: { ...medium, device: 'nvme0n1' } });
    expect(mounted.root.kind).toBe('ssd');
    expect(roots.add({ path: '/x/nas', origin: 'config', kind: 'nas', medium }).root.kind).toBe('nas');
  });
});

describe('finding the root of a file', () => {
  it.each([
    ['/mnt/nas/models/checkpoints/a.ckpt', '/mnt/nas/models', 'checkpoints/a.ckpt', 'checkpoints'],
    ['/mnt/nas/models/unet/flux/a.gguf', '/mnt/nas/models', 'unet/flux/a.gguf', 'diffusion_models'],
    ['/mnt/nas/models/ipadapter/a.bin', '/mnt/nas/models', 'ipadapter/a.bin', 'ipadapter'],
    ['/mnt/nas/models/loose.ckpt', '/mnt/nas/models', 'loose.ckpt', null],
    ['/mnt/nas/models/loras/x/a', '/mnt/nas/models/loras', 'x/a', 'loras'],
    ['/mnt/nas/models/loras', '/mnt/nas/models', 'loras', null],
    ['/mnt/nas/models//vae/./b/../a', '/mnt/nas/models', 'vae/a', 'vae'],
  ])('%s', (path, root, rel, category) => {
    const roots = rootsOf('linux', ['/mnt/nas/models/', '/mnt/nas/models/loras']);
    expect(roots.find(path)).toMatchObject({ root: { path: root }, rel, category });
  });

  it.each(['/mnt/nas/models2/a', '/mnt/nas/models/../a', '/mnt/nas/models', 'models/a', '', '/mnt/nas/models/a\0'])(
    'not for %j',
    (path) => {
      expect(rootsOf('linux', ['/mnt/nas/models']).find(path)).toBeNull();
    },
  );

  it('knows Windows spellings of one path', () => {
    const roots = rootsOf('win32', ['D:\\Models\\', '\\\\NAS\\share', 'E:\\']);
    expect(roots.find('d:/models/LORAS/A.safetensors')).toMatchObject({
      rel: 'LORAS\\A.safetensors',
      root: { path: 'D:\\Models' },
    });
    expect(roots.find('\\\\?\\D:\\models\\x')).toMatchObject({ rel: 'x' });
    expect(roots.find('//nas/Share/vae/x')).toMatchObject({ rel: 'vae\\x', category: 'vae' });
    expect(roots.find('\\\\?\\UNC\\nas\\share\\vae\\x')).toMatchObject({ rel: 'vae\\x' });
    expect(roots.find('e:\\a\\b')).toMatchObject({ rel: 'a\\b' });
    for (const path of ['\\models\\x', 'D:models\\x', 'D:\\Models2\\x', '\\\\nas\\share2\\x'])
      expect(roots.find(path)).toBeNull();
  });

  it('agrees with a slow search on whatever roots and paths there are', () => {
    const part = fc.constantFrom('a', 'b', 'A', 'ab', 'c d', '.', '..', '');
    const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.array(path, { maxLength: 8 }), path, fc.boolean(), (rootPaths, file, onWindows) => {
        const paths = onWindows ? win32 : posix;
        const start = onWindows ? 'C:/' : '/';
        const roots = rootsOf(
          onWindows ? 'win32' : 'linux',
          rootPaths.map((root) => start + root),
        );
        const target = paths.resolve(start + file);
        const fold = (text: string) => (onWindows ? text.toLowerCase() : text);
        const above = rootPaths
          .map((root) => paths.resolve(start + root))
          .filter((root) => {
            const rel = paths.relative(fold(root), fold(target));
            return rel !== '' && rel !== '..' && !rel.startsWith(`..${paths.sep}`);
          })
          .sort((one, other) => other.length - one.length);
        const located = roots.find(start + file);
        expect(located && fold(located.root.path)).toBe(above[0] === undefined ? null : fold(above[0]));
        if (located && above[0] !== undefined) {
          expect(located.rel.length).toBe(paths.relative(above[0], target).length);
          expect(fold(paths.join(located.root.path, located.rel))).toBe(fold(target));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('registering roots', () => {
  it('takes spellings of one path for one root, and gathers what is said of it', () => {
    const roots = new Roots('linux');
    const { root, added } = roots.add({ path: '/m/loras', origin: 'comfyui', category: 'loras', optional: true });
    expect(added).toBe(true);
    expect(roots.add({ path: '/m//loras/', origin: 'api', category: 'my_loras' })).toEqual({ root, added: false });
    expect(root).toMatchObject({ categories: ['loras', 'my_loras'], origin: 'comfyui', optional: false });
    expect(roots.list()).toEqual([root]);
  });

  it('believes the user more than the system about the kind', () => {
    const roots = new Roots('linux');
    const { root } = roots.add({ path: '/m', origin: 'config', kind: 'ssd', medium: { ...facts, kind: 'hdd' } });
    roots.learn(root, { ...facts, kind: 'nas', device: '//nas/m' });
    expect(root).toMatchObject({ kind: 'ssd', kindFrom: 'configured', device: '//nas/m' });
  });

  it('refuses a path that depends on the current folder', () => {
    expect(() => rootsOf('linux', ['models'])).toThrow('not absolute');
    expect(() => rootsOf('win32', ['\\models'])).toThrow('not absolute');
  });

  it('gives each category of a shared folder its own files, and the first one the rest', () => {
    const roots = new Roots('linux');
    for (const category of ['loras', 'vae']) roots.add({ path: '/m', origin: 'api', category });
    expect(roots.find('/m/vae/x')?.category).toBe('vae');
    expect(roots.find('/m/other/x')?.category).toBe('loras');
    expect(roots.find('/m/x')?.category).toBe('loras');
  });
});

describe('two names of one directory', () => {
  it('lead to one path, so that a file is cached once', () => {
    const roots = rootsOf('linux', ['/mnt/nas/models']);
    roots.addAlias('/home/u/ComfyUI/models', '/mnt/nas/models');
    expect(roots.find('/home/u/ComfyUI/models/vae/a')).toMatchObject({
      path: '/mnt/nas/models/vae/a',
      category: 'vae',
      rel: 'vae/a',
    });
  });

  it('make one root of two', () => {
    const roots = new Roots('linux');
    roots.add({ path: '/mnt/nas/vae', origin: 'config' });
    roots.add({ path: '/home/u/vae', origin: 'comfyui', category: 'vae' });
    roots.addAlias('/home/u/vae/', '/mnt/nas/vae');
    expect(roots.list()).toMatchObject([{ path: '/mnt/nas/vae', categories: ['vae'] }]);
    expect(roots.find('/home/u/vae/a')).toMatchObject({ path: '/mnt/nas/vae/a' });
  });

  it('never make a lookup run in circles', () => {
    const roots = rootsOf('linux', ['/r']);
    roots.addAlias('/a', '/b');
    roots.addAlias('/b', '/a');
    roots.addAlias('/c', '/c');
    expect(roots.find('/a/x')).toBeNull();
    expect(roots.find('/r/x')).not.toBeNull();
  });
});

describe('looking a name up as ComfyUI does', () => {
  const roots = new Roots('linux');
  roots.add({ path: '/fast/loras', origin: 'comfyui', category: 'loras' });
  roots.add({ path: '/m/unet', origin: 'comfyui', category: 'unet' });
  roots.add({ path: '/m', origin: 'comfyui' });
  roots.add({ path: '/m/loras', origin: 'config' });

  const paths = (category: string, name: string) => roots.resolveName(category, name).map(({ path }) => path);

  it('goes through the roots in their order, each path once', () => {
    expect(paths('loras', 'sub/a.safetensors')).toEqual(['/fast/loras/sub/a.safetensors', '/m/loras/sub/a.safetensors']);
    expect(roots.resolveName('loras', 'a')[1]).toMatchObject({ root: { path: '/m/loras' }, rel: 'a', category: 'loras' });
  });

  it.each([
    ['unet', ['/m/unet/a', '/m/diffusion_models/a']],
    ['diffusion_models', ['/m/unet/a', '/m/diffusion_models/a']],
    ['unet_gguf', ['/m/unet/a', '/m/diffusion_models/a']],
    ['clip', ['/m/text_encoders/a', '/m/clip/a']],
    ['text_encoders', ['/m/text_encoders/a', '/m/clip/a']],
    ['controlnet', ['/m/controlnet/a', '/m/t2i_adapter/a']],
    ['my_nodes', ['/m/my_nodes/a']],
    ['constructor', ['/m/constructor/a']],
  ])('%s', (category, expected) => {
    expect(paths(category, 'a')).toEqual(expected);
  });

  it.each(['../../etc/passwd', '/etc/passwd', '..', '', '.', 'a/../../../../b', 'a\0b'])(
    'cannot be led out of the roots by %j',
    (name) => {
      for (const path of paths('vae', name)) expect(path.startsWith('/m/vae/')).toBe(true);
    },
  );

  it('cleans names as Python does', () => {
    expect(['a/b', '/a/b', '../a', 'a//b/', 'a/../b', 'a\\b', '..', ''].map((name) => cleanName(name, posixPaths))).toEqual([
      ...['a/b', 'a/b', 'a', 'a/b', 'b', 'a\\b', null, null],
    ]);
    const names = ['a/b', 'a\\b', '\\a', '..\\..\\a', 'C:\\a', 'C:a', '\\\\nas\\share\\a', 'a.txt:stream', '..'];
    expect(names.map((name) => cleanName(name, windowsPaths))).toEqual([
      'a\\b',
      'a\\b',
      'a',
      'a',
      null,
      null,
      null,
      null,
      null,
    ]);
  });

  it('stays below the roots whatever the name is', () => {
    const name = fc.array(fc.constantFrom('..', '.', 'a', '/', '\\', 'C:', '\0', ' ', 'x.safetensors'), { maxLength: 10 });
    fc.assert(
      fc.property(name, fc.boolean(), (parts, onWindows) => {
        const top = onWindows ? 'D:\\m' : '/m';
        for (const { path, rel } of rootsOf(onWindows ? 'win32' : 'linux', [top]).resolveName('vae', parts.join(''))) {
          expect(path.startsWith(onWindows ? 'D:\\m\\vae\\' : '/m/vae/')).toBe(true);
          expect(rel.startsWith('vae')).toBe(true);
        }
      }),
    );
  });
});
