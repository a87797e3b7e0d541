import Sqlite from 'better-sqlite3';
import { describe, expect, test, vi } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import { Database } from '../../src/sqlite/database.ts';
import { openCatalog, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const a = sourceFile('loras/a.safetensors');
const b = sourceFile('loras/b.safetensors');
const year = 365 * 24 * 3600_000;

const job = (id: number, state: JobView['state'], path = `/models/${id}`): JobView => ({
  id,
  state,
  status: state,
  word: state,
  why: '',
  priority: 'background',
  path,
  category: null,
  tier: 'ssd',
  kind: 'copy',
  bytesDone: 0,
  bytesTotal: 10,
  bytesPerSecond: 0,
  etaMs: null,
  error: null,
});

describe('what happens often is gathered', () => {
  test('and written in one transaction', () => {
    const { catalog } = openCatalog();
    const transaction = vi.spyOn(Database.prototype, 'transaction');
    const run = vi.spyOn(Database.prototype, 'run');
    for (let use = 0; use < 1000; use += 1) catalog.usage.used(use % 2 ? a : b);
    catalog.usage.add({ hits: 1000, hitBytes: 5 });
    catalog.usage.job(job(1, 'running'));
    catalog.usage.leases([{ copyPath: '/cache/a', client: 'comfyui:1', held: true }]);
    expect(transaction).not.toHaveBeenCalled();
    expect(run).not.toHaveBeenCalled();
    catalog.usage.flush();
    expect(transaction).toHaveBeenCalledTimes(1);
    expect(run.mock.calls.length).toBeLessThan(20);
    expect(catalog.entries.byPath(a.path)).toMatchObject({ uses: 500, lastUse: 1000 });
    expect(catalog.entries.byPath(b.path)).toMatchObject({ uses: 500, lastUse: 999 });
    vi.restoreAllMocks();
  });

  test('a use that is written late does not bring an old fingerprint back', () => {
    const { catalog } = openCatalog();
    catalog.entries.put(a);
    catalog.usage.used(a);
    const fingerprint = { ...a.fingerprint, size: a.fingerprint.size + 1 };
    catalog.entries.put({ ...a, fingerprint });
    catalog.usage.flush();
    expect(catalog.entries.byPath(a.path)).toMatchObject({ uses: 1, fingerprint: { size: fingerprint.size } });
  });

  test('and with nothing gathered nothing is written: an idle daemon lets the disk sleep', () => {
    const { catalog } = openCatalog();
    catalog.usage.used(a);
    catalog.usage.flush();
    const transaction = vi.spyOn(Database.prototype, 'transaction');
    catalog.usage.flush();
    expect(transaction).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test('a flush that fails at its last write has written nothing, and the next one writes everything once', () => {
    const { catalog, file } = openCatalog();
    const other = new Sqlite(file);
    other.exec('ALTER TABLE leases RENAME TO leases_away');
    catalog.usage.used(a);
    catalog.usage.add({ misses: 2, secondsSaved: 0.5 });
    catalog.usage.job(job(7, 'queued'));
    catalog.usage.leases([{ copyPath: '/cache/a', client: 'comfyui:1', held: true }]);
    for (const _try of [1, 2]) expect(() => catalog.usage.flush()).toThrow('leases');
    expect(catalog.entries.list({})).toEqual([]);
    expect(other.prepare('SELECT count(*) AS n FROM daily').get()).toEqual({ n: 0 });
    catalog.usage.used(a);
    other.exec('ALTER TABLE leases_away RENAME TO leases');
    other.close();
    catalog.usage.flush();
    expect(catalog.entries.byPath(a.path)?.uses).toBe(2);
    expect(catalog.usage.daily()).toMatchObject([{ misses: 2, secondsSaved: 0.5 }]);
    expect(catalog.usage.takeUnfinishedJobs()).toEqual(['/models/7']);
    expect(catalog.usage.savedLeases()).toEqual([{ copyPath: '/cache/a', client: 'comfyui:1' }]);
  });

  test('closing writes what is left, and closes even if that fails', () => {
    const { catalog, file, close } = openCatalog();
    catalog.usage.used(a);
    close();
    const again = openCatalog({ file });
    expect(again.catalog.entries.byPath(a.path)?.uses).toBe(1);
    again.catalog.usage.add({ secondsSaved: Number.NaN });
    expect(again.close).toThrow('NOT NULL');
    expect(() => again.catalog.entries.list({})).toThrow('not open');
  });
});

describe('order is by a counter, not by the clock', () => {
  test('when the wall clock is set back a year, the file used last is still the one used last', () => {
    const clock = new ManualClock();
    const { catalog, file, close } = openCatalog({ clock });
    catalog.usage.used(a);
    clock.setWall(clock.now() - year);
    catalog.usage.used(b);
    catalog.usage.flush();
    const order = (of: typeof catalog) => of.entries.list({ sort: 'lastUsed', descending: true }).map(({ path }) => path);
    expect(order(catalog)).toEqual([b.path, a.path]);
    expect(catalog.entries.byPath(b.path)?.lastUsedAt).toBe(clock.now());
    close();
    clock.setWall(clock.now() - year);
    const restarted = openCatalog({ file, clock }).catalog;
    restarted.usage.used(a);
    restarted.usage.flush();
    expect(order(restarted)).toEqual([a.path, b.path]);
  });

  test('the counter goes on after a restart, and after a catalog that was lost', () => {
    const first = openCatalog();
    for (let use = 0; use < 10; use += 1) first.catalog.usage.used(a);
    first.close();
    const second = openCatalog({ file: first.file });
    expect(second.catalog.usage.tick).toBe(10);
    second.catalog.replaceIfDamaged(new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT'));
    second.catalog.usage.used(b);
    expect(second.catalog.usage.tick).toBe(11);
  });
});

describe('daily totals', () => {
  test('add up by UTC day, with what has not been written yet', () => {
    const clock = new ManualClock();
    clock.setWall(Date.UTC(2026, 0, 31, 23, 59, 59));
    const { catalog } = openCatalog({ clock });
    catalog.usage.add({ hits: 1, hitBytes: 100 });
    catalog.usage.flush();
    catalog.usage.add({ hits: 2, misses: 1, missBytes: 7, secondsSaved: 0.25 });
    const january = { day: '2026-01-31', hits: 3, misses: 1, hitBytes: 100, missBytes: 7, secondsSaved: 0.25 };
    const none = { bytesCopied: 0, evictions: 0, evictedBytes: 0 };
    expect(catalog.usage.daily()).toEqual([{ ...january, ...none }]);
    clock.advance(1000);
    catalog.usage.add({ evictions: 1, evictedBytes: 9, bytesCopied: 8 });
    expect(catalog.usage.daily().map(({ day, evictions }) => [day, evictions])).toEqual([
      ['2026-01-31', 0],
      ['2026-02-01', 1],
    ]);
  });
});

describe('jobs', () => {
  test('that had not ended are handed back once after a restart, in their order, and their numbers are not used again', () => {
    const { catalog, file, close } = openCatalog();
    for (const view of [job(3, 'queued'), job(1, 'running'), job(2, 'done'), job(4, 'failed'), job(5, 'cancelled')]) {
      catalog.usage.job(view);
    }
    close();
    const { catalog: next } = openCatalog({ file });
    expect(next.usage.lastJobId()).toBe(5);
    expect(next.usage.takeUnfinishedJobs()).toEqual(['/models/1', '/models/3']);
    expect(next.usage.takeUnfinishedJobs()).toEqual([]);
  });

  test('are kept a thousand deep: years of copies do not fill the catalog', () => {
    const { catalog, file } = openCatalog();
    for (let id = 1; id <= 1500; id += 1) catalog.usage.job(job(id, 'done'));
    catalog.usage.flush();
    const reader = new Sqlite(file, { readonly: true });
    expect(reader.prepare('SELECT count(*) AS n, min(id) AS first FROM jobs').get()).toEqual({ n: 1000, first: 501 });
    reader.close();
  });
});

test('saved leases are those that are held: what ended is taken out, by the last word on it', () => {
  const { catalog } = openCatalog();
  const onCopy = (name: string) => ({ copyPath: `/cache/${name}`, client: 'x' });
  const [first, second, third] = [onCopy('1'), onCopy('2'), onCopy('3')];
  catalog.usage.leases([first, second, third].map((lease) => ({ ...lease, held: true })));
  catalog.usage.flush();
  catalog.usage.leases([{ ...first, held: false }]);
  catalog.usage.leases([
    { ...second, held: false },
    { ...first, held: true },
    { ...second, client: 'y', held: true },
  ]);
  catalog.usage.flush();
  expect(catalog.usage.savedLeases()).toEqual([first, { ...second, client: 'y' }, third]);
});
