import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';
import { migrations } from '../../src/catalog/migrations.ts';
import { migrate } from '../../src/sqlite/schema.ts';
import { openCatalog } from '../helpers/catalog.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const facts = { architecture: 'wan', leastSqnr: 31, layers: 12 };
const wanted = { path: '/v/a', source: '/m/a', fingerprint: { size: 900, mtimeNs: '7', ino: null }, recipe: '{"to":"fp8"}' };
const changed = { size: 800, mtimeNs: '8', ctimeNs: '9', ino: '10' };
const room = { limit: 1000, free: 5000, floor: 0 };

test('a variant that is made anew is counted once, and its bytes twice until the new one is there', () => {
  const { variants, placements } = openCatalog().catalog;
  variants.enter({ ...wanted, bytes: 400, facts });
  variants.want({ ...wanted, fingerprint: changed, replaces: '5' });
  expect(variants.reserve('/v/a', 700, room)).toBe(100);
  expect(placements.variantBytes()).toBe(400);
  expect(variants.reserve('/v/a', 500, room)).toBe(0);
  // What it had before counts no more.
  expect(variants.reserve('/v/a', 600, room)).toBe(0);
  expect([variants.count(), placements.variantBytes()]).toEqual([1, 1000]);
  variants.giveUp('/v/a');
  expect([variants.count(), placements.variantBytes(), variants.byPath('/v/a')?.fingerprint.size]).toEqual([1, 400, 900]);
  variants.want({ ...wanted, fingerprint: changed, replaces: '5' });
  variants.finish('/v/a', { bytes: 450, facts });
  expect([variants.count(), placements.variantBytes(), variants.orders()]).toEqual([1, 450, []]);
  expect(variants.byPath('/v/a')).toMatchObject({ bytes: 450, fingerprint: changed, facts });
});

test('a catalog of before keeps its variants, and those that were to be made', () => {
  const file = join(tempDir(), 'catalog.db');
  const before = migrations.findIndex((sql) => sql.includes('CREATE TABLE variant_orders'));
  const old = new Sqlite(file);
  migrate(old, migrations.slice(0, before));
  const insert = old.prepare('INSERT INTO variants VALUES (?, ?, 900, ?, ?, ?, ?, ?, 5)');
  insert.run('/v/ready', null, '0', '{}', 'ready', 400, JSON.stringify(facts));
  insert.run('/v/making', '/m/a', '7', '{"to":"fp8"}', 'making', 300, null);
  old.close();
  const { variants, placements } = openCatalog({ file }).catalog;
  expect(variants.all()).toMatchObject([{ path: '/v/ready', source: null, bytes: 400, facts, createdAt: 5 }]);
  expect(variants.orders()).toMatchObject([{ ...wanted, path: '/v/making', bytes: 0, replaces: null }]);
  expect(placements.variantBytes()).toBe(400);
});
