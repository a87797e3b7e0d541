import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { migrations } from '../../src/catalog/migrations.ts';
import { openCatalog } from '../helpers/catalog.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { unpackOldCache } from '../helpers/old-cache.ts';
import { patience } from '../helpers/patience.ts';
import { slowTests } from '../helpers/slow.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import type { Tracer } from '../helpers/traced-sqlite.ts';

const trace: { tracer: Tracer | null } = vi.hoisted(() => ({ tracer: null }));

vi.mock('better-sqlite3', async (original) => {
  const { tracedSqlite } = await import('../helpers/traced-sqlite.ts');
  const { default: real } = await original<{ default: typeof Sqlite }>();
  return { default: tracedSqlite(real, () => trace.tracer) };
});

/** The catalog of 0.1 had eight migrations. */
const oldVersion = 8;

type Row = Record<string, unknown>;

function read(file: string, sql: string): Row[] {
  const db = new Sqlite(file, { readonly: true });
  try {
    return db.prepare<[], Row>(sql).all();
  } finally {
    db.close();
  }
}

const byText = (a: Row, b: Row) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

const versionOf = (file: string) => read(file, 'PRAGMA user_version')[0]?.['user_version'];

const oldCopies = `SELECT id, entry_id, tier, path, state, source_size, source_mtime_ns, source_ino,
  seal_size, seal_mtime_ns, seal_ino, hash, bytes, dense FROM copies ORDER BY id`;
const newCopies = `SELECT c.id, entry_id, c.tier, path, state, source_size, source_mtime_ns, source_ino,
  seal_size, seal_mtime_ns, seal_ino, hash, bytes, dense
  FROM copies c JOIN placements p ON p.id = placement_id LEFT JOIN contents n ON n.id = content_id ORDER BY c.id`;
const oldEntries = `SELECT id, path, root, rel, category, size, mtime_ns, ino, uses, last_use, last_used_at, pinned, votes, voted_at
  FROM entries ORDER BY id`;
/** Tables that stay as they are, and what the shim reads. */
const others = [
  'daily',
  'jobs',
  'leases',
  'roots',
  'settings',
  'speeds',
  'learned',
  'pinned_directories',
  'published',
  'resolver_v1',
];

function contentsOf(file: string, copies: string): Record<string, Row[]> {
  const tables = others.map((name) => [name, read(file, `SELECT * FROM ${name}`).sort(byText)]);
  return { copies: read(file, copies), entries: read(file, oldEntries), ...Object.fromEntries(tables) };
}

describe('a catalog of version 0.1', () => {
  test('keeps every copy, pin, use, lease and setting', () => {
    const { catalog: file, models } = unpackOldCache();
    const before = contentsOf(file, oldCopies);
    expect(versionOf(file)).toBe(oldVersion);
    for (const rows of Object.values(before)) expect(rows).not.toEqual([]);
    const { catalog, close } = openCatalog({ file });
    expect(catalog.damaged).toBeNull();
    expect(versionOf(file)).toBe(migrations.length);
    expect(contentsOf(file, newCopies)).toEqual(before);
    expect(catalog.settings.get('AUTOCACHE_POLICY', 'heat')).toBe('lfu');
    expect(catalog.entries.list({ pinned: true }).map(({ rel }) => rel)).toEqual([
      'controlnet/first.safetensors',
      'checkpoints/pinned.safetensors',
    ]);
    expect(catalog.entries.byPath(join(models, 'loras/stale.safetensors'))?.uses).toBe(2);
    close();
    expect(openCatalog({ file }).catalog.damaged).toBeNull();
  });

  test('has one placement for hard links, whose bytes count once, and one content for equal bytes', () => {
    const { catalog: file, models } = unpackOldCache();
    const [{ bytes, reserved } = {}] = read(
      file,
      `SELECT sum(bytes) AS bytes, (SELECT sum(bytes) FROM copies WHERE tier = 'ssd' AND state = 'copying') AS reserved
       FROM (SELECT max(bytes) AS bytes FROM copies WHERE tier = 'ssd' AND state <> 'copying' GROUP BY seal_ino)`,
    );
    const { catalog } = openCatalog({ file });
    expect(catalog.placements.totals('ssd')).toMatchObject({ bytes, reserved });
    const idOf = (rel: string) => catalog.entries.byPath(join(models, rel))?.id ?? 0;
    const [one, other] = ['loras/a.safetensors', 'loras/copies/a.safetensors'].map(
      (rel) => catalog.copies.readyOf(idOf(rel))[0],
    );
    expect(one?.placement).toBe(other?.placement);
    expect(one && catalog.duplicates.linksOf(one)).toEqual([other]);
    expect(catalog.copies.inState('ready').filter(({ form }) => form === 'compressed')).toMatchObject([{ tier: 'cold' }]);
    expect(read(file, 'SELECT rel FROM entries WHERE content_id IS NULL ORDER BY 1').map(({ rel }) => rel)).toEqual([
      'loras/stale.safetensors',
      'text_encoders/interrupted.safetensors',
    ]);
    expect(read(file, 'SELECT hash, size FROM contents GROUP BY 1, 2 HAVING count(*) > 1')).toEqual([]);
  });

  test('and its cache serve as before', { tags: 'slow' }, async () => {
    const { dir, models, upscale } = unpackOldCache();
    const settings = { AUTOCACHE_DIR: join(dir, 'cache'), AUTOCACHE_COMPRESS: 'cold', AUTOCACHE_LIMIT: '64MiB' };
    const { client } = await runDaemon({}, settings, dir);
    const ask = (path: string) =>
      client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test', pid: process.pid } });
    for (const rel of [
      'loras/a.safetensors',
      'loras/copies/a.safetensors',
      'unet/large.safetensors',
      'vae/published.safetensors',
    ])
      expect(await ask(join(models, rel))).toMatchObject({ reason: 'HIT', tier: 'ssd' });
    expect(await ask(join(upscale, 'up.safetensors'))).toMatchObject({ reason: 'HIT', tier: 'ssd' });
    const compressed = join(models, 'unet/1.safetensors');
    await vi.waitFor(async () => expect(await ask(compressed)).toMatchObject({ reason: 'HIT' }), patience(7_000));
    const { policy, tiers, hits } = await client.stats();
    expect(policy).toBe('lfu');
    expect(hits).toBeGreaterThan(11);
    expect(tiers.find(({ tier }) => tier === 'ssd')).toMatchObject({ reserved: 8 * 1024 * 1024 });
    const verified = await client.verify({ all: true });
    expect(verified.damaged).toEqual([]);
    expect(await client.explain(join(models, 'vae/published.safetensors'))).toMatchObject({
      sha256: expect.stringMatching(/^[\da-f]{64}$/),
      published: { same: true },
    });
    const again = await client.warm({ paths: [join(models, 'text_encoders/interrupted.safetensors')], wait: true });
    expect(again).toMatchObject({ ready: 1 });
  });
});

describe('its migration', () => {
  test('that fails, at whichever statement, leaves it as it was', { tags: 'slow' }, () => {
    const { catalog: file } = unpackOldCache();
    const before = contentsOf(file, oldCopies);
    onTestFinished(() => {
      trace.tracer = null;
    });
    const failed: string[] = [];
    let begun = false;
    const failAfter = (count: number): boolean => {
      let left = count;
      begun = false;
      trace.tracer = (sql) => {
        begun ||= sql.includes('DROP VIEW resolver_v1');
        if (!begun || left-- > 0) return;
        left = Number.POSITIVE_INFINITY;
        failed.push(sql);
        throw new Error('the disk is gone');
      };
      try {
        new Catalog(file, new ManualClock())[Symbol.dispose]();
        return false;
      } catch (error) {
        expect(error).toMatchObject({ message: 'the disk is gone' });
        return true;
      } finally {
        trace.tracer = null;
      }
    };
    for (let count = 0; versionOf(file) === oldVersion && failAfter(count); count += 1) {
      if (versionOf(file) === oldVersion) expect(contentsOf(file, oldCopies)).toEqual(before);
    }
    expect(failed.length).toBeGreaterThan(30);
    expect(failed).toContainEqual(expect.stringContaining('COMMIT'));
    expect(openCatalog({ file }).catalog.damaged).toBeNull();
    expect(contentsOf(file, newCopies)).toEqual(before);
  });

  /** Large enough that what it writes does not stay in memory until the end. */
  function largeOldCatalog(): string {
    const file = join(tempDir(), 'catalog.db');
    const db = new Sqlite(file);
    db.pragma('journal_mode = WAL');
    for (const sql of migrations.slice(0, oldVersion)) db.exec(sql);
    db.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
      INSERT INTO entries (id, path, root, rel, size, mtime_ns, pinned) SELECT i, '/m/' || i, '/m', i, 1000, i, i % 7 = 0 FROM n;
      INSERT INTO copies (entry_id, tier, path, state, source_size, source_mtime_ns, seal_size, seal_mtime_ns, seal_ino, hash, bytes)
        SELECT id, 'ssd', '/c/' || hex(zeroblob(3000)) || id, 'ready', size, mtime_ns, size, id / 2, id / 2, 'h' || id / 2, size FROM entries;
      PRAGMA user_version = ${oldVersion}`);
    db.close();
    return file;
  }

  test.each(['INSERT INTO copies', 'DROP TABLE copies_before', 'CREATE VIEW resolver_v1', 'COMMIT'])(
    'that is killed at %s begins anew at the next start',
    { tags: 'slow' },
    async (statement) => {
      const file = largeOldCatalog();
      const before = contentsOf(file, oldCopies);
      const program = fileURLToPath(new URL('../helpers/halting-migration.ts', import.meta.url));
      const child = spawn(process.execPath, [program, file, statement], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
      const [said] = await Promise.race([once(child.stdout, 'data'), ended]);
      expect(String(said)).toBe('halted\n');
      // In the middle: it holds the lock of its transaction, part of which is in the log, and nobody else sees any of it.
      const db = new Sqlite(file, { timeout: 0 });
      expect(() => db.exec('BEGIN IMMEDIATE')).toThrow('locked');
      if (statement !== 'INSERT INTO copies') expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      db.close();
      expect(versionOf(file)).toBe(oldVersion);
      const { catalog } = openCatalog({ file });
      expect(catalog.damaged).toBeNull();
      expect(contentsOf(file, newCopies)).toEqual(before);
      expect(catalog.placements.usedBytes('ssd')).toBe(1501 * 1000);
    },
  );

  test('of rows that no version has written sets the catalog aside: it is rebuilt from the cache directory', () => {
    const { catalog: file } = unpackOldCache();
    const db = new Sqlite(file);
    db.exec("UPDATE copies SET hash = NULL WHERE state = 'ready'");
    db.close();
    const { catalog } = openCatalog({ file });
    expect(catalog.damaged).toContain('NOT NULL');
    expect(existsSync(`${file}.damaged-1`)).toBe(true);
    expect(catalog.copies.inState('ready')).toEqual([]);
  });

  test('of a catalog with flipped bits works or sets it aside, and never half works', () => {
    const { catalog: old } = unpackOldCache();
    const whole = readFileSync(old);
    const flip = fc.record({ offset: fc.nat(whole.length - 1), value: fc.integer({ min: 1, max: 255 }) });
    let number = 0;
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 8 }), (flips) => {
        number += 1;
        const file = `${old}.${number}`;
        const bytes = Buffer.from(whole);
        for (const { offset, value } of flips) bytes[offset] = (bytes[offset] ?? 0) ^ value;
        writeFileSync(file, bytes);
        let catalog: Catalog;
        try {
          catalog = new Catalog(file, new ManualClock());
        } catch (error) {
          // The number of the schema version is one of the bytes.
          expect(error).toMatchObject({ code: 'BAD_CONFIG' });
          return;
        }
        expect(versionOf(file)).toBe(migrations.length);
        for (const { entryId } of catalog.copies.inState('ready')) expect(catalog.entries.byId(entryId)).toBeDefined();
        catalog[Symbol.dispose]();
      }),
      { numRuns: slowTests ? 60 : 15 },
    );
  });
});
