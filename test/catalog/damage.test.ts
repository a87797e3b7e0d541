import { copyFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { openCatalog, putCopy, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { slowTests } from '../helpers/slow.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const pageSize = 4096;

/** A closed catalog of a few dozen pages, all of them in the main file. */
function writtenCatalog(): string {
  const { catalog, file, close } = openCatalog();
  catalog.transaction(() => {
    for (let index = 0; index < 300; index += 1) putCopy(catalog, sourceFile(`loras/${'long-name-'.repeat(8)}${index}`));
  });
  close();
  return file;
}

function change(file: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  edit(bytes);
  writeFileSync(file, bytes);
}

/** Everything the daemon does with a catalog, once. */
function exercise(catalog: Catalog): void {
  const file = sourceFile('loras/new.safetensors');
  putCopy(catalog, file);
  catalog.usage.used(file);
  catalog.usage.add({ hits: 1 });
  catalog.usage.leases([{ copyPath: '/cache/files/a', client: 'comfyui:1', held: true }]);
  catalog.usage.flush();
  expect(catalog.entries.byPath(file.path)?.uses).toBeGreaterThan(0);
  expect(catalog.usage.daily().at(-1)?.hits).toBeGreaterThan(0);
  catalog.settings.set('AUTOCACHE_MODE', 'off', 'read-write');
  expect(catalog.settings.get('AUTOCACHE_MODE', 'read-write')).toBe('off');
}

describe('a damaged catalog is set aside and the daemon starts all the same', () => {
  const ways: [string, (file: string) => void][] = [
    ['a page was overwritten', (file) => change(file, (bytes) => bytes.fill(0xa5, 3 * pageSize, 4 * pageSize))],
    ['a page was zeroed', (file) => change(file, (bytes) => bytes.fill(0, 5 * pageSize, 6 * pageSize))],
    ['two pages were swapped', (file) => change(file, swapPages)],
    ['it lost its second half', (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
    ['ten bytes are left', (file) => truncateSync(file, 10)],
    ['it is something else altogether', (file) => writeFileSync(file, 'not a database at all\n'.repeat(1000))],
    [
      'only its first line is right',
      (file) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 100), Buffer.alloc(9000)])),
    ],
    ['its schema is that of another program', otherProgram],
    ['its schema version was lost', (file) => pragma(file, 'user_version = 0')],
  ];

  test.each(ways)('%s', (_how, damage) => {
    const file = writtenCatalog();
    damage(file);
    const evidence = readFileSync(file);
    const { catalog, close } = openCatalog({ file });
    expect(catalog.damaged).toEqual(expect.any(String));
    expect(readFileSync(`${file}.damaged-1`).equals(evidence)).toBe(true);
    expect(catalog.entries.list({})).toEqual([]);
    exercise(catalog);
    close();
    expect(openCatalog({ file }).catalog.entries.list({})).toHaveLength(1);
  });

  function swapPages(bytes: Buffer): void {
    const page = Buffer.from(bytes.subarray(3 * pageSize, 4 * pageSize));
    bytes.copy(bytes, 3 * pageSize, 8 * pageSize, 9 * pageSize);
    page.copy(bytes, 8 * pageSize);
  }

  function otherProgram(file: string): void {
    rmSync(file);
    const db = new Sqlite(file);
    db.pragma('journal_mode = WAL');
    db.exec('CREATE TABLE entries (word TEXT); PRAGMA user_version = 1');
    db.close();
  }

  function pragma(file: string, text: string): void {
    const db = new Sqlite(file);
    db.pragma(text);
    db.close();
  }

  test('a catalog that cannot be written is said at start, and is not set aside', () => {
    const file = writtenCatalog();
    // The header's version for writers: too new for this SQLite, which then only reads.
    change(file, (bytes) => bytes.writeUInt8(3, 18));
    expect(() => openCatalog({ file })).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', hint: expect.stringContaining('right to write') }),
    );
    expect(existsSync(`${file}.damaged-1`)).toBe(false);
  });

  test('a second damage does not overwrite what was kept of the first', () => {
    const file = writtenCatalog();
    writeFileSync(file, 'first');
    openCatalog({ file }).close();
    writeFileSync(file, 'second');
    openCatalog({ file }).close();
    expect([1, 2].map((number) => readFileSync(`${file}.damaged-${number}`, 'utf8'))).toEqual(['first', 'second']);
  });

  test('damage that shows while running is replaced by an empty catalog that works', () => {
    const file = writtenCatalog();
    const { catalog } = openCatalog({ file });
    expect(catalog.replaceIfDamaged(new Error('disk full'))).toBe(false);
    expect(catalog.replaceIfDamaged(new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT'))).toBe(true);
    expect(existsSync(`${file}.damaged-1`)).toBe(true);
    expect(catalog.entries.list({})).toEqual([]);
    exercise(catalog);
  });
});

test('damage in a catalog that is too large to be looked through at its opening is found while it is used', {
  tags: 'slow',
}, async () => {
  const { catalog: written, file, close } = openCatalog();
  const folder = 'long-name-'.repeat(400);
  written.transaction(() => {
    for (let index = 0; index < 800; index += 1) putCopy(written, sourceFile(`loras/${folder}/${index}`));
  });
  close();
  expect(statSync(file).size).toBeGreaterThan(8 * 1024 * 1024);
  const whole = openCatalog({ file });
  await whole.catalog.check(AbortSignal.timeout(60_000));
  whole.close();
  const middle = Math.floor(statSync(file).size / 2 / pageSize);
  change(file, (bytes) => bytes.fill(0xa5, middle * pageSize, (middle + 1) * pageSize));
  const { catalog } = openCatalog({ file });
  expect(catalog.damaged).toBeNull();
  const found = await catalog.check(AbortSignal.timeout(60_000)).catch((error: unknown) => error);
  expect(catalog.replaceIfDamaged(found)).toBe(true);
  expect(catalog.entries.list({})).toEqual([]);
  exercise(catalog);
});

describe('what lies beside the catalog', () => {
  /** Copies the files of a catalog that has not been checkpointed, as a crash leaves them. */
  function crashed(suffixes: readonly string[]): string {
    const { catalog, file } = openCatalog();
    catalog.entries.put(sourceFile('loras/a.safetensors'));
    const left = join(tempDir(), 'catalog.db');
    for (const suffix of suffixes) copyFileSync(file + suffix, left + suffix);
    return left;
  }

  test('a write-ahead log brings back what was written before the crash', () => {
    const file = crashed(['', '-wal']);
    expect(openCatalog({ file }).catalog.entries.list({})).toHaveLength(1);
  });

  test('a lost write-ahead log costs the last writes, not the start', () => {
    const { catalog } = openCatalog({ file: crashed(['']) });
    exercise(catalog);
  });

  test('a damaged write-ahead log costs the last writes, not the start', () => {
    const file = crashed(['', '-wal']);
    change(`${file}-wal`, (bytes) => bytes.fill(0x5a, 40));
    exercise(openCatalog({ file }).catalog);
  });

  test('a write-ahead log goes with the catalog that is set aside, and is not played into the new one', () => {
    const { file: whole } = openCatalog({ file: writtenCatalog() });
    const writer = new Catalog(whole, new ManualClock());
    writer.entries.put(sourceFile('loras/a.safetensors'));
    const file = join(tempDir(), 'catalog.db');
    for (const suffix of ['', '-wal']) copyFileSync(whole + suffix, file + suffix);
    writer[Symbol.dispose]();
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    change(file, (bytes) => bytes.fill('garbage '));
    const { catalog } = openCatalog({ file });
    expect(catalog.damaged).not.toBeNull();
    expect(catalog.entries.list({})).toEqual([]);
    exercise(catalog);
  });
});

test('whatever happened to the file, the daemon starts or says what is wrong with it, and never half works', () => {
  const whole = readFileSync(writtenCatalog());
  const dir = tempDir();
  const offset = fc.oneof(
    fc.nat(whole.length - 1),
    fc.nat(200),
    fc.integer({ min: 1, max: 12 }).map((page) => page * pageSize),
  );
  const damage = fc.record({
    flips: fc.array(fc.record({ offset, value: fc.integer({ min: 1, max: 255 }) }), { minLength: 1, maxLength: 8 }),
    cut: fc.option(fc.nat(whole.length), { freq: 3 }),
  });
  let number = 0;
  fc.assert(
    fc.property(damage, ({ flips, cut }) => {
      number += 1;
      const file = join(dir, `${number}.db`);
      const bytes = Buffer.from(whole);
      for (const flip of flips) bytes[flip.offset] = (bytes[flip.offset] ?? 0) ^ flip.value;
      writeFileSync(file, bytes.subarray(0, cut ?? whole.length));
      let catalog: Catalog;
      try {
        catalog = new Catalog(file, new ManualClock());
      } catch (error) {
        // The number of the schema version is one of the bytes.
        expect(error).toMatchObject({ code: 'BAD_CONFIG' });
        return;
      }
      try {
        exercise(catalog);
      } finally {
        catalog[Symbol.dispose]();
        for (const suffix of ['', '.damaged-1']) rmSync(join(dirname(file), `${number}.db${suffix}`), { force: true });
      }
    }),
    { numRuns: slowTests ? 60 : 15 },
  );
});
