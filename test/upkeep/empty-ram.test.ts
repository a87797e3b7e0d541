import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { CopyState, SourceFile } from '../../src/core/types.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { emptyRam } from '../../src/upkeep/empty-ram.ts';
import { openCatalog, putCopy, reserveCopy, sourceFile } from '../helpers/catalog.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A RAM tier as a killed daemon leaves it. */
function arrange() {
  const { catalog } = openCatalog();
  const tier = openPosixTier('ram', join(tempDir(), 'ram'));
  const put = (file: SourceFile) => {
    const { path, manifestPath } = tier.placeOf(file.root, file.rel);
    for (const each of [path, manifestPath]) {
      mkdirSync(dirname(each), { recursive: true });
      writeFileSync(each, 'bytes');
    }
    return { path, manifestPath, copy: putCopy(catalog, file, { tier: 'ram', path }) };
  };
  return { catalog, tier, put };
}

test('rows, copies with their proofs and what is unfinished go; the SSD tier and files of others stay', async () => {
  const { catalog, tier, put } = arrange();
  const { path, manifestPath } = put(sourceFile('loras/a.safetensors'));
  const other = put(sourceFile('loras/b.safetensors'));
  catalog.copies.forget(other.copy.id);
  reserveCopy(catalog, sourceFile('loras/c.safetensors'), { tier: 'ram' });
  const ssd = putCopy(catalog, sourceFile('loras/a.safetensors'));
  const foreign = [join(dirname(path), 'a.json'), join(tier.partialDir, 'notes.txt')];
  const unfinished = join(tier.partialDir, `${'0'.repeat(32)}.part`);
  for (const file of [...foreign, unfinished]) writeFileSync(file, 'x');

  expect(await emptyRam(catalog, tier)).toBe(2);

  for (const file of [path, manifestPath, other.path, other.manifestPath, unfinished]) expect(existsSync(file)).toBe(false);
  for (const file of foreign) expect(readFileSync(file, 'utf8')).toBe('x');
  expect(readdirSync(tier.partialDir)).toEqual(['notes.txt']);
  const states: CopyState[] = ['copying', 'ready', 'stale', 'evicting'];
  expect(catalog.copies.inState(...states)).toEqual([ssd]);
});

test('what is spared stays in service', async () => {
  const { catalog, tier, put } = arrange();
  const [kept, gone] = [put(sourceFile('loras/a.safetensors')), put(sourceFile('loras/b.safetensors'))];
  await emptyRam(catalog, tier, (path) => path === kept.path);
  expect(existsSync(gone.path)).toBe(false);
  expect([kept.path, kept.manifestPath].every((path) => existsSync(path))).toBe(true);
  expect(catalog.copies.inState('ready')).toEqual([kept.copy]);
});

test('a directory without the marker is not touched', async () => {
  const { catalog, tier, put } = arrange();
  const { path } = put(sourceFile('loras/a.safetensors'));
  await expect(emptyRam(catalog, { ...tier, dir: dirname(tier.dir) })).rejects.toThrow('marker');
  expect(existsSync(path)).toBe(true);
});
