import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertDisjoint, realPathOf } from '../../src/roots/disjoint.ts';
import { tempTree } from '../sources/temp-tree.ts';

describe('cache directory and roots', () => {
  it.each([
    ['/ssd/cache', '/mnt/nas/models', 'linux', null],
    ['/ssd/cache', '/ssd/cache2', 'linux', null],
    ['/ssd/Cache', '/ssd/cache', 'linux', null],
    ['/ssd/cache', '/ssd/cache/', 'linux', 'is also'],
    ['/ssd/models/cache', '/ssd/models', 'linux', 'lies inside'],
    ['/ssd', '/ssd/models', 'linux', 'contains'],
    ['/ssd', '/', 'linux', 'lies inside'],
    ['/Users/U/cache', '/users/u/Cache', 'darwin', 'is also'],
    ['C:\\cache', 'c:/cache/', 'win32', 'is also'],
    ['C:\\', 'C:\\ComfyUI\\models', 'win32', 'contains'],
    ['\\\\nas\\s\\cache', '\\\\NAS\\s', 'win32', 'lies inside'],
    ['C:\\cache', 'D:\\cache', 'win32', null],
  ] as const)('%s and %s (%s): %s', (cache, root, platform, relation) => {
    const check = () => assertDisjoint(cache, root, platform);
    if (relation === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining(relation) }));
  });

  it('are compared by where links lead, also when the cache does not exist yet', async () => {
    const top = tempTree({ 'models/a': 'x', link: '-> models' });
    expect(await realPathOf(join(top, 'link', 'new', 'cache'))).toBe(join(top, 'models', 'new', 'cache'));
  });
});
