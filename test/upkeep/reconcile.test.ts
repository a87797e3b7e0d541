import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder } from '../helpers/orders.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { nothing, restart, theCopy, withCopy } from './arrange.ts';

/** What a worker leaves that finished right before the daemon was killed: file and proof, and no word to the catalog. */
async function publishWithoutCommit(rig: Rig, path: string) {
  const file = rig.file(path);
  const place = rig.tier.placeOf(file.root, file.rel);
  const order = copyOrder({ id: 99, source: file, temp: join(rig.tier.partialDir, '99.part'), ...place });
  return runCopyJob(order, quiet());
}

function reserve(rig: Rig, path: string) {
  const file = rig.file(path);
  const entry = rig.catalog.entries.put(file);
  const { path: place } = rig.tier.placeOf(file.root, file.rel);
  const { size: bytes } = file.fingerprint;
  return rig.catalog.copies.reserve({
    entryId: entry.id,
    tier: 'ssd',
    path: place,
    source: file.fingerprint,
    bytes,
    limit: 1e9,
    free: 1e9,
    floor: 0,
  });
}

test('after a clean end there is nothing to do, and the copy is in service as it was', async () => {
  const { rig, copy } = await withCopy();
  const { next, report } = await restart(rig);
  expect(report).toEqual(nothing);
  expect(theCopy(next)).toEqual(copy);
});

describe('unfinished files', () => {
  test('of a crash are removed, what is not ours stays', async () => {
    const { rig } = await withCopy();
    const { partialDir } = rig.tier;
    const ours = ['1.part', '12-7.part', '12.part.seal', '0f8fad5b-d9cb-469f-a165-70867728950e.leaving'];
    const foreign = ['notes.txt', 'model.part.bak', 'a.part'];
    for (const name of [...ours, ...foreign]) writeFileSync(join(partialDir, name), 'x');
    mkdirSync(join(partialDir, 'folder'));
    const { report } = await restart(rig);
    expect(report).toEqual({ ...nothing, temps: ours.length });
    expect(readdirSync(partialDir).sort()).toEqual([...foreign, 'folder'].sort());
  });

  test('that cannot be removed do not keep the daemon from starting', async () => {
    const { rig, copy } = await withCopy();
    mkdirSync(join(rig.tier.partialDir, '1.part', 'held'), { recursive: true });
    const { next, report } = await restart(rig);
    expect(report).toEqual(nothing);
    expect(theCopy(next)).toEqual(copy);
  });
});

describe('halves', () => {
  test('a reservation of a copy that was cut short gives its space back', async () => {
    const { rig } = await withCopy();
    reserve(rig, rig.source('loras/b.safetensors', 5000).path);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(6000);
    const { next, report } = await restart(rig);
    expect(report).toEqual({ ...nothing, halves: 1 });
    expect(next.catalog.placements.usedBytes('ssd')).toBe(1000);
  });

  test.each(['before', 'after'])('an eviction that was cut short %s its file was moved is brought to its end', async (when) => {
    const { rig, copy, place } = await withCopy();
    rig.catalog.copies.setState(copy.id, 'evicting');
    if (when === 'after') rig.tier.takeOut(place.path);
    const { next, report } = await restart(rig);
    expect(report).toEqual({ ...nothing, halves: 1, temps: when === 'after' ? 1 : 0 });
    expect([place.path, place.manifestPath].map((path) => existsSync(path))).toEqual([false, false]);
    expect(readdirSync(rig.tier.partialDir)).toEqual([]);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(0);
  });

  test('a copy on its way out that a program holds stays on the books, out of service, and leaves at a later start', async () => {
    const { rig, copy, place } = await withCopy();
    const { path: other } = rig.source('loras/b.safetensors', 10);
    await rig.copy(other);
    rig.catalog.copies.setState(copy.id, 'evicting');
    await rig.close();
    const next = createRig({ dir: rig.dir });
    const takeOut = next.tier.takeOut;
    next.tier.takeOut = () => {
      throw new CacheError('IN_USE', 'EBUSY');
    };
    expect(await reconcile(next)).toEqual(nothing);
    expect(next.catalog.copies.byPath(place.path)?.state).toBe('evicting');
    expect(next.catalog.entries.byId(theCopy(next).entryId)?.path).toBe(other);
    next.tier.takeOut = takeOut;
    expect(await reconcile(next)).toEqual({ ...nothing, halves: 1 });
    expect(existsSync(place.path)).toBe(false);
  });
});

describe('a copy that is not what was sealed is out of service', () => {
  test.each<[string, (path: string) => void]>([
    ['gone', (path) => rmSync(path)],
    ['shorter', (path) => writeFileSync(replaceable(path), 'short')],
    ['of the same size with other bytes', (path) => writeFileSync(replaceable(path), Buffer.alloc(1000, 7))],
    [
      'of the same size and time, under another inode',
      (path) => {
        const { mtime } = statSync(path);
        writeFileSync(`${path}.new`, Buffer.alloc(1000, 7));
        utimesSync(`${path}.new`, mtime, mtime);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('when it is %s', async (_how, damage) => {
    const { rig, place, path } = await withCopy();
    const { next, report } = await restart(rig, () => damage(place.path));
    expect(report).toEqual({ ...nothing, forgotten: 1 });
    expect(next.catalog.copies.inState('ready', 'stale', 'evicting')).toEqual([]);
    expect(existsSync(place.path)).toBe(false);
    expect(existsSync(place.manifestPath)).toBe(false);
    expect(existsSync(path)).toBe(true);
    expect(await reconcile(next)).toEqual(nothing);
  });

  test('when two copies of one size were swapped: each would be served as the other', async () => {
    const { rig, place } = await withCopy();
    await rig.copy(rig.source('loras/b.safetensors', 1000).path);
    const other = rig.tier.placeOf(rig.root, 'loras/b.safetensors');
    const { next, report } = await restart(rig, () => {
      for (const which of ['path', 'manifestPath'] as const) {
        renameSync(place[which], `${place[which]}.x`);
        renameSync(other[which], place[which]);
        renameSync(`${place[which]}.x`, other[which]);
      }
    });
    expect(report).toMatchObject({ forgotten: 2, adopted: 0 });
    expect(next.catalog.copies.inState('ready')).toEqual([]);
  });

  test('and when a program holds it, it stays on the books and is not handed out', async () => {
    const { rig, place } = await withCopy();
    await rig.close();
    writeFileSync(replaceable(place.path), 'other');
    const next = createRig({ dir: rig.dir });
    next.tier.takeOut = () => {
      throw new CacheError('IN_USE', 'EBUSY');
    };
    expect((await reconcile(next)).forgotten).toBe(1);
    expect(next.catalog.copies.inState('ready', 'stale')).toEqual([]);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(1000);
  });

  test('and what somebody else put in its place is not touched', async () => {
    const { rig, place } = await withCopy();
    const inside = join(place.path, 'notes.txt');
    const { report } = await restart(rig, () => {
      rmSync(place.path);
      mkdirSync(place.path);
      writeFileSync(inside, 'mine');
    });
    expect(report.forgotten).toBe(1);
    expect(readFileSync(inside, 'utf8')).toBe('mine');
  });

  function replaceable(path: string): string {
    const bytes = readFileSync(path);
    rmSync(path);
    writeFileSync(path, bytes);
    return path;
  }
});

describe('a copy with a proof comes back', () => {
  test('after a crash between the rename and the commit', async () => {
    const { rig, place } = await withCopy();
    const { path } = rig.source('vae/b.safetensors', 2000);
    reserve(rig, path);
    const published = await publishWithoutCommit(rig, path);
    const { next, report } = await restart(rig);
    expect(report).toEqual({ ...nothing, halves: 1, adopted: 1 });
    const entry = next.catalog.entries.byPath(path);
    const [copy] = next.catalog.copies.readyOf(entry?.id ?? 0);
    expect(copy).toMatchObject({ hash: published.hash, seal: published.seal, source: published.source, bytes: 2000 });
    expect(existsSync(place.path)).toBe(true);
  });

  test.each(['ready', 'stale'] as const)('after that crash over an older copy that was %s', async (state) => {
    const { rig, path, copy } = await withCopy();
    if (state === 'stale') rig.catalog.copies.retire(copy.id);
    rig.source('loras/a.safetensors', 3000);
    reserve(rig, path);
    const published = await publishWithoutCommit(rig, path);
    const { next, report } = await restart(rig);
    expect(report).toEqual({ ...nothing, halves: 1, forgotten: 1, adopted: 1 });
    expect(theCopy(next)).toMatchObject({ hash: published.hash, bytes: 3000 });
    expect(next.catalog.placements.usedBytes('ssd')).toBe(3000);
  });

  test('and the whole catalog does after it was lost: same hash, fingerprint, seal, name and category', async () => {
    const { rig } = await withCopy();
    for (const rel of ['loras/sub folder/ü.safetensors', 'vae/b.json', 'c.gguf']) await rig.copy(rig.source(rel, 500).path);
    const known = (of: Rig) =>
      of.catalog.copies
        .inState('ready')
        .map(({ id: _id, placement: _placement, content: _content, createdAt: _created, entryId, ...copy }) => {
          const {
            id: _entry,
            uses: _uses,
            lastUse: _last,
            lastUsedAt: _at,
            votes: _votes,
            votedAt: _voted,
            ...entry
          } = of.catalog.entries.byId(entryId) ?? {};
          return { copy, entry };
        });
    const byPath = (of: Rig) => known(of).sort((a, b) => a.copy.path.localeCompare(b.copy.path));
    const before = byPath(rig);
    const { next, report } = await restart(rig, () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.dir, `catalog.db${suffix}`), { force: true });
    });
    expect(report).toEqual({ ...nothing, adopted: 4 });
    expect(byPath(next)).toEqual(before);
    expect(await reconcile(next)).toEqual(nothing);
  });

  test('and does not turn back what is known of a source that has changed since', async () => {
    const { rig, path, copy } = await withCopy();
    rig.source('loras/a.safetensors', 1234);
    rig.catalog.entries.put(rig.file(path));
    rig.catalog.copies.forget(copy.id);
    const { next, report } = await restart(rig);
    expect(report.adopted).toBe(1);
    expect(next.catalog.entries.byPath(path)?.fingerprint.size).toBe(1234);
    expect(theCopy(next).source).toEqual(copy.source);
  });

  test('even when all together are more than the limit, which is for the next eviction to settle', async () => {
    const { rig, copy } = await withCopy();
    rig.catalog.copies.forget(copy.id);
    await rig.close();
    const next = createRig({ dir: rig.dir, limit: 10 });
    expect((await reconcile(next)).adopted).toBe(1);
  });
});
