import { expect, test } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import type { SourceFile } from '../../src/core/types.ts';
import { fingerprint, openCatalog, reserveCopy, sourceFile } from '../helpers/catalog.ts';

const sha256 = '1'.repeat(64);
const before = sourceFile('loras/a', { fingerprint: { ...fingerprint(), ctimeNs: '1' } });
const rewritten = { ...before, fingerprint: { ...before.fingerprint, ctimeNs: '2' } };
const twin = sourceFile('loras/b', { fingerprint: { ...fingerprint(), ino: '43', ctimeNs: '1' } });

/** What a copy of these bytes is published with. */
function published({ fingerprint: source }: SourceFile, ino: string) {
  return { seal: { size: source.size, mtimeNs: source.mtimeNs, ino }, hash: 'h', sha256, source };
}

function adopt(catalog: Catalog, file: SourceFile, ino: string): void {
  const { id: entryId } = catalog.entries.byPath(file.path) ?? catalog.entries.put(file);
  catalog.copies.adopt({ entryId, tier: 'ssd', path: `/ssd/${file.rel}` }, published(file, ino));
}

test('a model that was rewritten under its old size and time while the catalog was lost is not taken for its former twin', () => {
  const { catalog } = openCatalog();
  const { id } = catalog.entries.put(rewritten);
  adopt(catalog, twin, '7');
  adopt(catalog, before, '8');
  expect(catalog.contents.ofEntry(id)).toBeNull();
  expect(catalog.duplicates.ofSource(id)).toEqual([]);
});

test('its copy in memory leaves the service when the new bytes are copied', () => {
  const { catalog } = openCatalog();
  for (const [tier, file] of [
    ['ram', before],
    ['ssd', rewritten],
  ] as const) {
    const { id } = reserveCopy(catalog, file, { tier, path: `/${tier}/${file.rel}` });
    catalog.copies.publish(id, published(file, tier === 'ram' ? '7' : '8'));
  }
  expect(catalog.copies.inState('ready').map(({ tier }) => tier)).toEqual(['ssd']);
  expect(catalog.copies.inState('stale').map(({ tier }) => tier)).toEqual(['ram']);
});
