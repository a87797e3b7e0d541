import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Catalog } from '../../src/catalog/catalog.ts';
import type { Copy, SourceFile } from '../../src/core/types.ts';
import { fingerprint, openCatalog, reserveCopy, sourceFile } from '../helpers/catalog.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { slowTests } from '../helpers/slow.ts';

const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
const a = sourceFile('loras/a');
const b = sourceFile('loras/b', { fingerprint: fingerprint(1000, '1600000000000000000') });

/** A copy in service of these bytes, in a file of its own unless `ino` says otherwise. */
function put(
  catalog: Catalog,
  file: SourceFile,
  {
    hash = 'h',
    sha256 = null,
    ino,
    tier = 'ssd',
  }: { hash?: string; sha256?: string | null; ino?: string; tier?: Copy['tier'] } = {},
): Copy {
  const { id } = reserveCopy(catalog, file, { tier, path: `/${tier}/${file.rel}` });
  const { size, mtimeNs } = file.fingerprint;
  catalog.copies.publish(id, {
    seal: { size, mtimeNs, ino: ino ?? String(1000 + id) },
    hash,
    sha256,
    source: file.fingerprint,
  });
  const copy = catalog.copies.byId(id);
  if (!copy) throw new Error('the copy is not in the catalog');
  return copy;
}

function rows(file: string, table: 'contents' | 'placements' | 'copies'): Record<string, unknown>[] {
  const db = new Sqlite(file, { readonly: true });
  try {
    return db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY id`).all();
  } finally {
    db.close();
  }
}

describe('sources with equal bytes', () => {
  test('have one content, and a placement each when they are files of their own', () => {
    const { catalog, file } = openCatalog();
    const [first, second] = [put(catalog, a), put(catalog, b)];
    expect(second.content).toBe(first.content);
    expect(second.placement).not.toBe(first.placement);
    expect(rows(file, 'contents')).toEqual([{ id: first.content, hash: 'h', size: 1000, sha256: null }]);
    expect(catalog.duplicates.linksOf(first)).toEqual([]);
  });

  test('have one placement when their copies are hard links, as those are that a lost catalog finds again', () => {
    const { catalog, file } = openCatalog();
    const [first, second] = [put(catalog, a, { ino: '7' }), put(catalog, sourceFile('loras/c'), { ino: '7' })];
    expect(second.placement).toBe(first.placement);
    expect(catalog.duplicates.linksOf(first)).toEqual([second]);
    expect(rows(file, 'placements')).toHaveLength(1);
    expect(catalog.placements.totals('ssd')).toEqual({ files: 2, bytes: 1000, represented: 2000, reserved: 0 });
    catalog.copies.forget(first.id);
    expect(catalog.placements.usedBytes('ssd')).toBe(1000);
    catalog.copies.forget(second.id);
    expect(catalog.placements.usedBytes('ssd')).toBe(0);
  });

  test('and an inode that is used again are told apart by what was sealed', () => {
    const { catalog } = openCatalog();
    const first = put(catalog, a, { ino: '7' });
    expect(put(catalog, b, { ino: '7' }).placement).not.toBe(first.placement);
    expect(put(catalog, sourceFile('loras/c'), { ino: '7', hash: 'other' }).placement).not.toBe(first.placement);
    expect(put(catalog, a, { ino: '7', tier: 'ram' }).placement).not.toBe(first.placement);
  });

  test('are proven equal by one SHA-256 only, not by the hash of their chunks', () => {
    const { catalog } = openCatalog();
    const [first, second] = [put(catalog, a, { sha256: one }), put(catalog, b)];
    expect(second.content).toBe(first.content);
    expect([first.sha256, second.sha256]).toEqual([one, null]);
    expect(catalog.duplicates.ofSource(second.entryId)).toEqual([]);
    catalog.contents.identify(second, one);
    expect(catalog.duplicates.ofSource(second.entryId)).toEqual([first]);
    expect(catalog.contents.sha256Of(second.entryId)).toBe(one);
  });

  test('are different contents when they have one hash and different SHA-256', () => {
    const { catalog, file } = openCatalog();
    const [first, second, third] = [
      put(catalog, a, { sha256: one }),
      put(catalog, b, { sha256: other }),
      put(catalog, sourceFile('c')),
    ];
    expect(second.content).not.toBe(first.content);
    expect([...catalog.duplicates.of(first.id, 'ssd')]).toEqual([third]);
    catalog.contents.identify(third, other);
    expect([...catalog.duplicates.of(first.id, 'ssd')]).toEqual([]);
    expect(catalog.copies.byId(third.id)).toMatchObject({ content: second.content, sha256: other });
    expect(rows(file, 'contents').map(({ sha256 }) => sha256)).toEqual([one, other]);
  });
});

describe('the content of a source', () => {
  test('is known from its copy on, also when that has left', () => {
    const { catalog, file } = openCatalog();
    const copy = put(catalog, a, { sha256: one });
    catalog.copies.forget(copy.id);
    expect(rows(file, 'placements')).toEqual([]);
    expect(rows(file, 'contents')).toMatchObject([{ id: copy.content, sha256: one }]);
    expect(catalog.contents.sha256Of(copy.entryId)).toBe(one);
    expect(put(catalog, a).content).toBe(copy.content);
    expect(catalog.contents.sha256Of(copy.entryId)).toBe(one);
  });

  test.each([
    ['its size', fingerprint(1001)],
    ['its mtime', fingerprint(1000, '1700000000123456790')],
    ['its inode', fingerprint(1000, a.fingerprint.mtimeNs, '43')],
  ])('is not known any more when %s has changed, and goes when nothing else has it', (_what, changed) => {
    const { catalog, file } = openCatalog();
    const copy = put(catalog, a, { sha256: one });
    catalog.entries.put({ ...a, fingerprint: fingerprint(1000, a.fingerprint.mtimeNs, null) });
    expect(catalog.contents.sha256Of(copy.entryId)).toBe(one);
    catalog.entries.put({ ...a, fingerprint: changed });
    expect(catalog.contents.sha256Of(copy.entryId)).toBeNull();
    expect(rows(file, 'contents')).toHaveLength(1);
    catalog.copies.forget(copy.id);
    expect(rows(file, 'contents')).toEqual([]);
  });

  test('is not that of an older copy which is found again', () => {
    const { catalog } = openCatalog();
    const copy = put(catalog, a, { sha256: one });
    catalog.entries.put({ ...a, fingerprint: fingerprint(5) });
    catalog.contents.identify(copy, one);
    expect(catalog.contents.sha256Of(copy.entryId)).toBeNull();
  });

  test('is not told by a copy that has been replaced meanwhile', () => {
    const { catalog, file } = openCatalog();
    const copy = put(catalog, a);
    put(catalog, a, { hash: 'new' });
    catalog.contents.identify(copy, one);
    expect(rows(file, 'contents')).toMatchObject([{ hash: 'new', sha256: null }]);
  });
});

test('a copy tells when it was made, by the wall clock', () => {
  const clock = new ManualClock();
  const { catalog, file } = openCatalog({ clock });
  put(catalog, a);
  expect(rows(file, 'copies')).toMatchObject([{ created_at: clock.now() }]);
});

/** The disk of a tier as a person would count it: names, and the files that they lead to. */
interface Disk {
  names: Map<string, { id: number; file: number }>;
  files: Map<number, number>;
  reserved: Map<number, { path: string; bytes: number }>;
}

const held = ({ names, files, reserved }: Disk) => {
  const used = new Set([...names.values()].map(({ file }) => file));
  const bytes = [...used].reduce((sum, file) => sum + (files.get(file) ?? 0), 0);
  return { files: names.size, bytes, reserved: [...reserved.values()].reduce((sum, one) => sum + one.bytes, 0) };
};

/** One name in one tier, as both sides see it. */
interface Step {
  what: 'reserve' | 'shrink' | 'publish' | 'link' | 'join' | 'evict' | 'retire' | 'change';
  source: number;
  other: number;
  content: number;
  tier: 'ssd' | 'ram';
}

class World {
  readonly catalog: Catalog;
  readonly disks = { ssd: emptyDisk(), ram: emptyDisk() };
  #mtimes = new Map<number, bigint>();
  #inode = 0;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  take({ what, source, other, content, tier }: Step): void {
    const { catalog } = this;
    const { names, files, reserved } = this.disks[tier];
    const mtime = this.#mtimes.get(source) ?? 1_700_000_000_000_000_000n;
    const print = fingerprint(100 + content, String(mtime));
    const model = sourceFile(`loras/${source}`, { fingerprint: print });
    const [path, otherPath] = [`/${tier}/${source}`, `/${tier}/${other}`];
    const [name, to] = [names.get(path), names.get(otherPath)];
    const target = to && catalog.copies.byId(to.id);
    const begun = [...reserved].find(([, one]) => one.path === path)?.[0];
    if (what === 'reserve') reserved.set(reserveCopy(catalog, model, { tier, path }).id, { path, bytes: print.size });
    else if (what === 'change') this.#mtimes.set(source, mtime + 1n);
    else if (what === 'shrink' && begun !== undefined) {
      catalog.placements.shrink(catalog.copies.byId(begun)?.placement ?? 0, 7);
      reserved.set(begun, { path, bytes: 7 });
    } else if (what === 'publish') {
      const id = begun ?? reserveCopy(catalog, model, { tier, path }).id;
      catalog.entries.put(model);
      this.#inode += 1;
      const seal = { size: print.size, mtimeNs: print.mtimeNs, ino: String(this.#inode) };
      catalog.copies.publish(id, { seal, hash: `h${content}`, sha256: null, source: print });
      reserved.delete(id);
      files.set(this.#inode, print.size);
      names.set(path, { id, file: this.#inode });
    } else if (what === 'link' && to && target?.state === 'ready' && path !== otherPath) {
      const same = { ...model, fingerprint: { ...print, size: target.source.size } };
      const { id } = catalog.copies.link(target, { entryId: catalog.entries.put(same).id, path, source: same.fingerprint });
      names.set(path, { id, file: to.file });
    } else if (what === 'join' && name && to && target) {
      catalog.copies.move(name.id, target);
      names.set(path, { id: name.id, file: to.file });
    } else if (what === 'evict' && name) {
      catalog.copies.forget(name.id);
      names.delete(path);
    } else if (what === 'retire' && name) catalog.copies.retire(name.id);
  }

  /** Bytes and links are what the disk says. */
  check(): void {
    for (const tier of ['ssd', 'ram'] as const) {
      const disk = held(this.disks[tier]);
      expect(this.catalog.placements.totals(tier)).toMatchObject(disk);
      expect(this.catalog.placements.usedBytes(tier)).toBe(disk.bytes + disk.reserved);
      for (const { id, file } of this.disks[tier].names.values()) {
        const copy = this.catalog.copies.byId(id);
        const links = [...this.disks[tier].names.values()].filter((one) => one.file === file && one.id !== id);
        expect(copy && this.catalog.duplicates.linksOf(copy).map((link) => link.id)).toEqual(
          links.map((link) => link.id).sort((x, y) => x - y),
        );
      }
    }
  }
}

test('whatever is copied, linked, joined and evicted, bytes in use are those of the files on the disk, each once', () => {
  const step = fc.record({
    what: fc.constantFrom<Step['what']>(
      'publish',
      'publish',
      'publish',
      'reserve',
      'shrink',
      'link',
      'link',
      'join',
      'evict',
      'retire',
      'change',
    ),
    source: fc.nat(3),
    other: fc.nat(3),
    content: fc.nat(2),
    tier: fc.constantFrom<Step['tier']>('ssd', 'ssd', 'ram'),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), (steps) => {
      const { catalog, file, close } = openCatalog();
      const world = new World(catalog);
      for (const next of steps) {
        world.take(next);
        world.check();
      }
      expectNothingLeftOver(file);
      close();
    }),
    { numRuns: slowTests ? 40 : 15 },
  );
});

function emptyDisk(): Disk {
  return { names: new Map(), files: new Map(), reserved: new Map() };
}

/** Every placement has a copy, and every content a placement or a source. */
function expectNothingLeftOver(file: string): void {
  const db = new Sqlite(file, { readonly: true });
  const left = db
    .prepare(
      `SELECT id FROM placements WHERE id NOT IN (SELECT placement_id FROM copies)
       UNION ALL SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM placements WHERE content_id IS NOT NULL)
         AND id NOT IN (SELECT content_id FROM entries WHERE content_id IS NOT NULL)`,
    )
    .all();
  db.close();
  expect(left).toEqual([]);
}
