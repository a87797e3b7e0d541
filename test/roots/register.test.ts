import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { registerRoot } from '../../src/roots/register.ts';
import { Roots } from '../../src/roots/registry.ts';
import { SourceClient } from '../../src/sources/client.ts';
import { tempTree } from '../sources/temp-tree.ts';

function registering(...cacheDirs: string[]) {
  const roots = new Roots();
  const host = new SourceClient({ roots });
  onTestFinished(() => host[Symbol.asyncDispose]());
  const register = (path: string, more: { category?: string; kind?: 'ssd' } = {}) => {
    return registerRoot({ path, origin: 'config', ...more }, { roots, host, cacheDirs });
  };
  return { roots, register };
}

describe('registering a root', () => {
  it('finds out what it is', async () => {
    const top = tempTree({ 'models/a.ckpt': 'x' });
    const { register } = registering(join(top, 'cache'));
    const { root, added } = await register(join(top, 'models'));
    expect(added).toBe(true);
    expect(root).toMatchObject({
      path: join(top, 'models'),
      resolved: join(top, 'models'),
      kindFrom: expect.stringMatching(/detected|assumed/),
    });
    expect((await register(join(top, 'models'), { kind: 'ssd' })).root).toMatchObject({ kind: 'ssd', kindFrom: 'configured' });
  });

  it('takes one that is not there: its copies are wanted all the more', async () => {
    const top = tempTree();
    const { register } = registering(join(top, 'cache'));
    expect((await register(join(top, 'unmounted/models'))).added).toBe(true);
  });

  it('takes one that cannot be looked at, on a failing disk or not permitted: a daemon starts without it', async () => {
    const top = tempTree({ 'denied/models/a.ckpt': 'x', loop: '-> loop' });
    const denied = join(top, 'denied');
    chmodSync(denied, 0);
    onTestFinished(() => chmodSync(denied, 0o700));
    const { register } = registering(join(top, 'cache'));
    for (const name of ['loop', 'loop/models', 'n'.repeat(300), 'denied/models']) {
      const path = join(top, name);
      // Everything is permitted to root.
      if (name !== 'denied/models' || process.getuid?.() !== 0)
        expect(() => statSync(path)).toThrow(/ELOOP|ENAMETOOLONG|EACCES/);
      expect((await register(path)).added).toBe(true);
    }
  });

  it.each([
    ['is the cache', 'cache', 'cache'],
    ['holds the cache', '.', 'cache/new/one'],
    ['lies in the cache', 'cache/models', 'cache'],
    ['leads into the cache by a link', 'link/models', 'cache'],
    ['is led to by a link of the cache', 'cache/models', 'link'],
  ])('refuses one that %s', async (_, root, cache) => {
    const top = tempTree({ 'cache/models/a.ckpt': 'x', link: '-> cache' });
    const { register, roots } = registering(join(top, cache));
    await expect(register(join(top, root))).rejects.toMatchObject({ code: 'BAD_CONFIG' });
    expect(roots.list()).toEqual([]);
  });

  it('keeps a link to a directory of its own under the name that ComfyUI uses', async () => {
    const top = tempTree({ 'nas/loras/a.ckpt': 'x', loras: '-> nas/loras' });
    const { register } = registering();
    expect((await register(join(top, 'loras'))).root).toMatchObject({
      path: join(top, 'loras'),
      resolved: join(top, 'nas/loras'),
    });
  });

  it.each([
    ['link first', ['loras', 'nas/loras']],
    ['link last', ['nas/loras', 'loras']],
  ])('does not have one file under two names (%s)', async (_, order) => {
    const top = tempTree({ 'nas/loras/a.ckpt': 'x', loras: '-> nas/loras' });
    const { register, roots } = registering();
    for (const path of order) await register(join(top, path), { category: 'my_loras' });
    expect(roots.list().map(({ path }) => path)).toEqual([join(top, 'nas/loras')]);
    expect(roots.find(join(top, 'loras/a.ckpt'))?.path).toBe(join(top, 'nas/loras/a.ckpt'));
  });

  it('makes a link into a registered root a root at the place it leads to', async () => {
    const top = tempTree({ 'nas/all/sdxl/a.ckpt': 'x', checkpoints: '-> nas/all/sdxl' });
    mkdirSync(join(top, 'cache'));
    const { register, roots } = registering(join(top, 'cache'));
    await register(join(top, 'nas/all'));
    await register(join(top, 'checkpoints'), { category: 'checkpoints' });
    expect(roots.find(join(top, 'checkpoints/a.ckpt'))).toMatchObject({
      path: join(top, 'nas/all/sdxl/a.ckpt'),
      category: 'checkpoints',
    });
  });
});
