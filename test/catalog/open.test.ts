import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { migrations } from '../../src/catalog/migrations.ts';
import { fingerprint, openCatalog, putCopy, reserveCopy, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { tempDir } from '../helpers/temp-dir.ts';

describe('opening', () => {
  test('creates what is not there, and finds it again after a restart', () => {
    const first = openCatalog();
    expect(first.catalog.damaged).toBeNull();
    const entry = first.catalog.entries.put(sourceFile('loras/a.safetensors'));
    first.close();
    const second = openCatalog({ file: first.file });
    expect(second.catalog.damaged).toBeNull();
    expect(second.catalog.entries.byPath(entry.path)).toEqual(entry);
  });

  test('an empty file, as a crash at the very first start leaves it, is a new catalog', () => {
    const file = join(tempDir(), 'catalog.db');
    writeFileSync(file, '');
    const { catalog } = openCatalog({ file });
    expect(catalog.damaged).toBeNull();
    expect(catalog.entries.put(sourceFile('loras/a.safetensors')).id).toBe(1);
  });

  test('a catalog that somebody has had analysed is in order', () => {
    const { catalog, file, close } = openCatalog();
    putCopy(catalog, sourceFile('loras/a.safetensors'));
    close();
    const db = new Sqlite(file);
    db.exec('ANALYZE');
    db.close();
    const again = openCatalog({ file }).catalog;
    expect(again.damaged).toBeNull();
    expect(again.copies.inState('ready')).toHaveLength(1);
  });

  test('a catalog of a newer version is refused, said so, and left exactly as it is', () => {
    const { file, close } = openCatalog();
    close();
    const db = new Sqlite(file);
    db.pragma(`user_version = ${migrations.length + 1}`);
    db.close();
    const before = readFileSync(file);
    expect(() => new Catalog(file, new ManualClock())).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringContaining('newer'), hint: expect.any(String) }),
    );
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(`${file}.damaged-1`)).toBe(false);
  });
});

describe('resolver_v1, which the shim reads while the daemon is away', () => {
  test('shows what is safe to use, to a read-only reader beside a writer in the middle of a write', () => {
    const { catalog, file } = openCatalog();
    const ready = putCopy(catalog, sourceFile('loras/ready.safetensors'));
    const stale = putCopy(catalog, sourceFile('loras/stale.safetensors'));
    catalog.copies.retire(stale.id);
    const leaving = putCopy(catalog, sourceFile('loras/leaving.safetensors'));
    catalog.copies.setState(leaving.id, 'evicting');
    reserveCopy(catalog, sourceFile('loras/copying.safetensors'));
    putCopy(catalog, sourceFile('loras/compressed.safetensors'), { tier: 'cold' });
    const reader = new Sqlite(file, { readonly: true, timeout: 0 });
    const rows = () => reader.prepare('SELECT * FROM resolver_v1').all();
    const expected = [
      {
        source_path: '/models/loras/ready.safetensors',
        source_size: 1000,
        source_mtime_ns: '1700000000123456789',
        copy_path: ready.path,
        copy_size: 1000,
        copy_mtime_ns: '1700000000123456789',
        copy_ino: ready.seal?.ino,
        tier: 'ssd',
      },
    ];
    expect(rows()).toEqual(expected);
    catalog.transaction(() => {
      putCopy(catalog, sourceFile('loras/second.safetensors'));
      expect(rows()).toEqual(expected);
    });
    expect(rows()).toHaveLength(2);
    expect(() => reader.exec('DELETE FROM copies')).toThrow('readonly');
    reader.close();
  });

  test('tells an mtime to the nanosecond: as a number it would be another one', () => {
    const { catalog, file } = openCatalog();
    const mtimeNs = '1712345678901234567';
    putCopy(catalog, sourceFile('loras/a.safetensors', { fingerprint: fingerprint(5, mtimeNs) }));
    const reader = new Sqlite(file, { readonly: true });
    expect(reader.prepare('SELECT source_mtime_ns AS ns FROM resolver_v1').get()).toEqual({ ns: mtimeNs });
    reader.close();
  });

  test('shows nothing while caching is switched off for resolvers', () => {
    const { catalog, file } = openCatalog();
    putCopy(catalog, sourceFile('loras/a.safetensors'));
    catalog.settings.set('resolver', 'off', '');
    const reader = new Sqlite(file, { readonly: true });
    expect(reader.prepare('SELECT * FROM resolver_v1').all()).toEqual([]);
    reader.close();
  });
});

describe('a transaction', () => {
  test('that fails leaves nothing of what it wrote', () => {
    const { catalog } = openCatalog();
    const work = () =>
      catalog.transaction(() => {
        putCopy(catalog, sourceFile('loras/a.safetensors'));
        throw new Error('half-way');
      });
    expect(work).toThrow('half-way');
    expect(catalog.entries.list({})).toEqual([]);
    expect(catalog.placements.usedBytes('ssd')).toBe(0);
  });
});
