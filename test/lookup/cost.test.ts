import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test, vi } from 'vitest';
import { Database } from '../../src/sqlite/database.ts';
import { endlessLocks } from '../helpers/endless-locks.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { createLookupRig, nextTurn, withCopy } from '../helpers/lookup-rig.ts';

const MiB = 1024 * 1024;

describe('an answer costs nothing', () => {
  test('no directory is made by a miss, not even in the cache (Arena A13)', async () => {
    const rig = createLookupRig({ filters: { minSize: { overall: MiB, by: {} } } });
    const { path } = rig.source('configs/a.yaml', 10);
    const before = readdirSync(rig.tier.dir, { recursive: true });
    await rig.ask(path);
    await rig.ask(join(rig.root, 'configs', 'none'));
    await rig.ask(undefined, { category: 'nothing', name: '../../x' });
    await nextTurn();
    expect(readdirSync(rig.tier.dir, { recursive: true })).toEqual(before);
    expect(existsSync(join(rig.root, 'nothing'))).toBe(false);
  });

  test('no write to the catalog stands before it, on a hit, a miss, or a stale or damaged copy', async () => {
    const { rig, path } = await withCopy();
    const { path: stale } = rig.source('loras/stale.safetensors', MiB);
    const { path: damaged } = rig.source('loras/damaged.safetensors', MiB);
    await Promise.all([rig.copy(stale), rig.copy(damaged)]);
    rig.source('loras/stale.safetensors', MiB + 1);
    rmSync(rig.placeOf(damaged));
    const { path: miss } = rig.source('loras/miss.safetensors', MiB);
    const writes: string[] = [];
    for (const method of ['run', 'get', 'all'] as const) {
      const original = Database.prototype[method] as (sql: string, ...values: unknown[]) => unknown;
      vi.spyOn(Database.prototype, method).mockImplementation(function (this: Database, sql: string, ...values: unknown[]) {
        if (/^\s*(INSERT|UPDATE|DELETE)/i.test(sql)) writes.push(sql);
        return original.call(this, sql, ...values) as never;
      });
    }
    for (const file of [path, stale, damaged, miss]) {
      const { size, mtimeNs } = fingerprintOf(file);
      await rig.ask(file, { size, mtimeNs });
      expect(writes, file).toEqual([]);
      await nextTurn();
      await Promise.all([rig.copier.activeJob(file)?.ended]);
      writes.length = 0;
    }
    rig.catalog.usage.flush();
    expect(writes.length).toBeGreaterThan(0);
    vi.restoreAllMocks();
  });

  test('it does not wait for another program that holds the catalog for writing', async () => {
    const waits = endlessLocks();
    const { rig, path, copy } = await withCopy();
    expect(waits).not.toEqual([]);
    const other = new Sqlite(join(rig.dir, 'catalog.db'));
    other.exec('BEGIN IMMEDIATE');
    expect((await rig.ask(path)).path).toBe(copy);
    other.exec('ROLLBACK');
    other.close();
  });

  test("the asker's own stat is taken: the source is not touched", async () => {
    const { rig, path, copy } = await withCopy();
    const { size, mtimeNs } = fingerprintOf(path);
    expect((await rig.ask(path, { size, mtimeNs })).path).toBe(copy);
    expect(await rig.ask(path, { size, mtimeNs: '1' })).toMatchObject({ path, reason: 'STALE' });
    expect(rig.sources.stat).not.toHaveBeenCalled();
    await rig.copier.activeJob(path)?.ended;
  });
});
