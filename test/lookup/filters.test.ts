import { describe, expect, test } from 'vitest';
import { matcher } from '../../src/core/file-globs.ts';
import { createFilters, type FilterOptions } from '../../src/lookup/filters.ts';

const GiB = 1024 ** 3;
const all: FilterOptions = {
  minSize: { overall: 0, by: {} },
  maxSize: { overall: null, by: {} },
  include: [],
  exclude: [],
  categories: [],
};
const file = (rel: string, category: string | null = null) => ({ path: `/nas/models/${rel}`, rel, category });

describe('which files are cached', () => {
  test.each<[string, Partial<FilterOptions>, string[], string[]]>([
    ['everything, when nothing is said', {}, ['loras/a.safetensors', '.hidden/b'], []],
    ['by base name', { exclude: ['*.ckpt'] }, ['loras/a.safetensors'], ['x.ckpt', 'deep/er/x.ckpt']],
    [
      'by path below the root',
      { exclude: ['loras/old/**'] },
      ['loras/a', 'other/loras/old/a'],
      ['loras/old/a', 'loras/old/b/c'],
    ],
    ['by absolute path', { exclude: ['/nas/models/vae/*'] }, ['vae/sub/a'], ['vae/a']],
    ['only some', { include: ['*.safetensors', '*.gguf'] }, ['a.safetensors', 'b/c.gguf'], ['a.ckpt', 'safetensors']],
    ['only some, less others', { include: ['*.gguf'], exclude: ['big*'] }, ['a.gguf'], ['big.gguf', 'a.ckpt']],
    ['braces', { exclude: ['*.{pt,pth}'] }, ['a.ptx'], ['a.pt', 'a.pth']],
    [
      'never an unfinished download',
      { include: ['**'] },
      ['a.safetensors', 'partial.ckpt'],
      ['a.safetensors.part', 'a.safetensors.download/a.safetensors'],
    ],
    ['hidden files too', { exclude: ['*.part'] }, [], ['.a.part', '.x/.b.part']],
  ])('%s', (_what, options, cached, excluded) => {
    const { excluded: isExcluded } = createFilters({ ...all, ...options });
    expect(cached.filter((rel) => isExcluded(file(rel)))).toEqual([]);
    expect(excluded.filter((rel) => !isExcluded(file(rel)))).toEqual([]);
  });

  test('of some categories; a file whose category nobody knows is none of them', () => {
    const { excluded } = createFilters({ ...all, categories: ['loras', 'vae'] });
    expect([excluded(file('a', 'loras')), excluded(file('a', 'unet')), excluded(file('a'))]).toEqual([false, true, true]);
    expect(createFilters(all).excluded(file('a'))).toBe(false);
  });
});

describe('sizes', () => {
  const { tooSmall, tooLarge } = createFilters({
    ...all,
    minSize: { overall: 16, by: { loras: 1, vae: 0 } },
    maxSize: { overall: 10 * GiB, by: { loras: GiB, unet: null } },
  });

  test.each<[string | null, number, boolean]>([
    ['checkpoints', 15, true],
    ['checkpoints', 16, false],
    [null, 15, true],
    ['loras', 1, false],
    ['loras', 0, true],
    ['vae', 0, false],
  ])('of category %s, %d bytes are too small: %s', (category, size, expected) => {
    expect(tooSmall(category, size)).toBe(expected);
  });

  test.each<[string | null, number, number, boolean]>([
    ['checkpoints', 10 * GiB, 100 * GiB, false],
    ['checkpoints', 10 * GiB + 1, 100 * GiB, true],
    ['loras', GiB + 1, 100 * GiB, true],
    ['unet', 90 * GiB, 100 * GiB, false],
    ['unet', 101 * GiB, 100 * GiB, true],
    [null, 6 * GiB, 5 * GiB, true],
  ])('of category %s, %d bytes in a tier of %d are too large: %s', (category, size, limit, expected) => {
    expect(tooLarge(category, size, limit)).toBe(expected);
  });

  test('a category that is called like a part of the language is a category like any other', () => {
    for (const category of ['constructor', 'toString', '__proto__']) {
      expect(tooSmall(category, 15)).toBe(true);
      expect(tooLarge(category, 11 * GiB, 100 * GiB)).toBe(true);
    }
  });
});

test('a glob matches case as the system does', () => {
  expect(matcher(['*.CKPT'])({ path: '/x/a.ckpt', rel: 'a.ckpt' })).toBe(process.platform !== 'linux');
});
