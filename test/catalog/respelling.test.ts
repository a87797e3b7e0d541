import { expect, onTestFinished, test } from 'vitest';
import { isOneFile } from '../../src/catalog/one-file.ts';
import { openCatalog, putCopy, sourceFile } from '../helpers/catalog.ts';

test('an entry under another spelling of a known path gives it its uses, its pin, its votes and its copies', () => {
  const { catalog } = openCatalog();
  const [right, wrong] = [sourceFile('loras/a.safetensors'), sourceFile('LORAS/A.safetensors')];
  const hot = putCopy(catalog, right);
  const [later, cold] = [putCopy(catalog, wrong), putCopy(catalog, wrong, { tier: 'cold', path: '/cold/LORAS/A.zst' })];
  const { id } = catalog.entries.put(right);
  const other = catalog.entries.put(wrong);
  catalog.entries.addUses(id, 2, 7, 1000);
  catalog.entries.addUses(other.id, 3, 9, 5_000_000);
  catalog.entries.setPinned(other.id, true);
  catalog.published.save(other.id, { sha256: 'ab', from: '/models/LORAS/A.sha256', same: null });

  catalog.respelling.respell(catalog.entries.byId(other.id) ?? other, right);

  expect(catalog.entries.list({})).toMatchObject([{ id, path: right.path, rel: right.rel, uses: 5, lastUse: 9, pinned: true }]);
  expect(catalog.entries.byId(id)?.votes).toBeGreaterThan(1.9);
  expect(catalog.copies.readyOf(id).map((copy) => copy.id)).toEqual([later.id, cold.id]);
  expect(catalog.copies.byId(hot.id)?.state).toBe('stale');
  expect(catalog.published.of(id)?.sha256).toBe('ab');
  expect(catalog.find(wrong.path)).toBeUndefined();
});

test('an entry that has no other spelling takes the new one, with its copies', () => {
  const { catalog } = openCatalog();
  const [right, wrong] = [sourceFile('loras/a.safetensors'), sourceFile('LORAS/A.safetensors')];
  const copy = putCopy(catalog, wrong);
  const entry = catalog.entries.put(wrong);
  catalog.respelling.respell(entry, right);
  expect(catalog.find(right.path)).toMatchObject({ entry: { id: entry.id, category: 'loras' }, ready: [{ id: copy.id }] });
  expect(catalog.find(wrong.path)).toBeUndefined();
});

test.each(['win32', 'darwin'] as const)(
  'two copies of one model under two spellings are one file on %s, and one copy: removing a stale one would take the other',
  (platform) => {
    const { catalog } = openCatalog();
    const { platform: own } = process;
    onTestFinished(() => void Object.defineProperty(process, 'platform', { value: own }));
    const [right, wrong] = [sourceFile('loras/a.safetensors'), sourceFile('LORAS/A.safetensors')];
    const entry = catalog.entries.put(right);
    Object.defineProperty(process, 'platform', { value: platform });
    putCopy(catalog, right, { path: '/cache/LORAS/A.safetensors' });
    const later = putCopy(catalog, right, { path: '/cache/loras/a.safetensors' });
    expect(catalog.copies.ofEntry(entry.id).map(({ id, state }) => ({ id, state }))).toEqual([
      { id: later.id, state: 'ready' },
    ]);
    expect(catalog.find(wrong.path)).toBeUndefined();
  },
);

test.each([
  ['C:\\Cache\\LORAS\\A.ckpt', 'C:\\Cache\\loras\\a.ckpt', 'win32', true],
  ['/cache/Cafe\u0301.ckpt', '/cache/caf\u00e9.ckpt', 'darwin', true],
  ['/cache/A.ckpt', '/cache/a.ckpt', 'linux', false],
  ['/cache/a.ckpt', '/cache/a.ckpt', 'linux', true],
  ['C:\\Cache\\a.ckpt', 'C:\\Cache\\b.ckpt', 'win32', false],
] as const)('%s and %s are one file on %s: %s', (one, other, platform, isOne) => {
  expect(isOneFile(one, other, platform)).toBe(isOne);
});
