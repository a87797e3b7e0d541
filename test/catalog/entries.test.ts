import { describe, expect, test } from 'vitest';
import type { EntriesQuery } from '../../src/api/entries.ts';
import { fingerprint, openCatalog, putCopy, sourceFile } from '../helpers/catalog.ts';

describe('one source is one entry', () => {
  test('however often it is put, and its use counts stay', () => {
    const { catalog } = openCatalog();
    const file = sourceFile('loras/a.safetensors');
    const { id } = catalog.entries.put(file);
    catalog.entries.addUses(id, 3, 7, 1000);
    catalog.entries.setPinned(id, true);
    const again = catalog.entries.put({ ...file, fingerprint: fingerprint(2000, '5', '9') });
    expect(again).toEqual({
      ...file,
      id,
      fingerprint: { size: 2000, mtimeNs: '5', ino: '9' },
      uses: 3,
      lastUse: 7,
      lastUsedAt: 1000,
      votes: 1,
      votedAt: 1000,
      pinned: true,
      demand: expect.objectContaining({ wishedAt: 1000 }),
    });
    expect(catalog.entries.byId(id)).toEqual(again);
    expect(catalog.entries.list({})).toHaveLength(1);
  });

  test('a category that is not known does not wipe out the one that is', () => {
    const { catalog } = openCatalog();
    const file = sourceFile('loras/a.safetensors');
    catalog.entries.put(file);
    expect(catalog.entries.put({ ...file, category: null }).category).toBe('loras');
  });

  test.each([
    ['an asker that does not tell the inode does not wipe it out', fingerprint(1000, '1', null), '42'],
    ['an inode that is told later is taken', fingerprint(1000, '1', '43'), '43'],
    ['another content has no inode until one is told', fingerprint(1001, '1', null), null],
    ['another mtime has no inode until one is told', fingerprint(1000, '2', null), null],
  ])('%s', (_what, later, ino) => {
    const { catalog } = openCatalog();
    const file = sourceFile('loras/a.safetensors', { fingerprint: fingerprint(1000, '1', '42') });
    catalog.entries.put(file);
    expect(catalog.entries.put({ ...file, fingerprint: later }).fingerprint.ino).toBe(ino);
  });

  test.each([
    ['quotes and SQL', `loras/a'; DROP TABLE entries; --.safetensors`],
    ['other alphabets, emoji and a line break', 'loras/модель 模型 🦊\n.safetensors'],
    ['wildcards of SQL and of the shell', 'loras/100%_[x]*?.safetensors'],
    ['a name that differs by case only', 'loras/A.SAFETENSORS'],
    ['decomposed letters', 'loras/e\u0301.safetensors'],
  ])('names with %s are what they are', (_what, rel) => {
    const { catalog } = openCatalog();
    catalog.entries.put(sourceFile('loras/a.safetensors'));
    catalog.entries.put(sourceFile('loras/\u00e9.safetensors'));
    const entry = catalog.entries.put(sourceFile(rel));
    expect(catalog.entries.byPath(`/models/${rel}`)).toEqual(entry);
    expect(catalog.entries.byName('loras', rel)).toEqual([entry]);
    expect(catalog.entries.list({})).toHaveLength(3);
  });

  test('sizes of more than 4 GiB and mtimes before 1970 are kept exactly', () => {
    const { catalog } = openCatalog();
    const exact = fingerprint(Number.MAX_SAFE_INTEGER, '-1712345678901234567', '18446744073709551615');
    const { path } = catalog.entries.put(sourceFile('loras/a.safetensors', { fingerprint: exact }));
    expect(catalog.entries.byPath(path)?.fingerprint).toEqual(exact);
  });

  test('a file is found by category and name in every root that has it', () => {
    const { catalog } = openCatalog();
    for (const root of ['/one', '/two']) catalog.entries.put(sourceFile('loras/a.safetensors', { root }));
    catalog.entries.put(sourceFile('loras/a.safetensors', { root: '/three', category: 'other' }));
    expect(catalog.entries.byName('loras', 'loras/a.safetensors').map(({ root }) => root)).toEqual(['/one', '/two']);
  });

  test('the keeper of a root sees what lies below it, and nothing of a root whose name starts alike', () => {
    const { catalog } = openCatalog();
    catalog.entries.put(sourceFile('a', { root: '/models' }));
    catalog.entries.put(sourceFile('a', { root: '/models2' }));
    expect(catalog.entries.pageBelow('/models', { directory: '/models', after: '', most: 100 })).toEqual([
      { id: 1, path: '/models/a', fingerprint: fingerprint() },
    ]);
  });

  test('a page of what lies below a directory begins after a path, ends in time, and has nothing of names that start alike', () => {
    const { catalog } = openCatalog();
    for (const rel of ['a', 'b/1', 'b/2', 'b/\u{10ffff}x', 'b/sub/3', 'b-', 'b0', 'c']) catalog.entries.put(sourceFile(rel));
    const page = (after: string, most = 100) =>
      catalog.entries.pageBelow('/models', { directory: '/models/b', after, most }).map(({ path }) => path.slice(8));
    expect(page('')).toEqual(['b/1', 'b/2', 'b/sub/3', 'b/\u{10ffff}x']);
    expect(page('/models/b/1', 2)).toEqual(['b/2', 'b/sub/3']);
    expect(catalog.entries.below('/models/b').map(({ rel }) => rel)).toEqual(page(''));
    catalog.entries.setPinnedBelow('/models/b', true);
    expect(catalog.entries.list({ pinned: true, sort: 'name' })).toHaveLength(4);
  });
});

describe('the list', () => {
  function library() {
    const { catalog } = openCatalog();
    const add = (rel: string, size: number, use: number, root = '/models') => {
      const file = sourceFile(rel, { root, fingerprint: fingerprint(size) });
      const entry = catalog.entries.put(file);
      if (use > 0) catalog.entries.addUses(entry.id, use % 4, use, use * 1000);
      return file;
    };
    putCopy(catalog, add('vae/b', 300, 5));
    add('loras/c', 100, 9);
    const pinned = catalog.entries.put(add('loras/a', 200, 2, '/nas'));
    catalog.entries.setPinned(pinned.id, true);
    const stale = putCopy(catalog, add('vae/d', 50, 0));
    catalog.copies.retire(stale.id);
    return (query: EntriesQuery) =>
      catalog.entries
        .list(query)
        .map(({ rel }) => rel.slice(-1))
        .join('');
  }

  test.each<[string, EntriesQuery, string]>([
    ['newest use first when nothing is said', {}, 'cbad'],
    ['by name', { sort: 'name' }, 'acbd'],
    ['by name, from the end', { sort: 'name', descending: true }, 'dbca'],
    ['by size', { sort: 'size' }, 'dcab'],
    ['by size, largest first', { sort: 'size', descending: true }, 'bacd'],
    ['by uses', { sort: 'uses', descending: true }, 'acbd'],
    ['by last use, oldest first', { sort: 'lastUsed', descending: false }, 'dabc'],
    ['by category', { sort: 'category' }, 'cabd'],
    ['of one category', { category: 'vae', sort: 'name' }, 'bd'],
    ['of one root', { root: '/nas' }, 'a'],
    ['of what is pinned', { pinned: true }, 'a'],
    ['of what is not pinned', { pinned: false, sort: 'name' }, 'cbd'],
    ['of what has a copy in service', { cached: true }, 'b'],
    ['of what has none: a stale copy is none', { cached: false, sort: 'name' }, 'acd'],
    ['of all filters together', { category: 'vae', cached: true, pinned: false, root: '/models' }, 'b'],
    ['of a category that nobody has', { category: 'nothing' }, ''],
  ])('%s', (_what, query, expected) => {
    expect(library()(query)).toBe(expected);
  });
});
