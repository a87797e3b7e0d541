import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Deduplicator } from '../../src/placement/deduplicate.ts';
import { removeCopies } from '../../src/space/purge.ts';
import { readManifest } from '../../src/tiers/manifest.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { Scrub } from '../../src/upkeep/scrub.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { withoutLinks } from '../helpers/orders.ts';
import { soon } from '../helpers/patience.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const size = 50_000;

/** Two sources, or more, with the same bytes and mtime, copied as if at the same time: as many files. */
async function arrange({ identity = true, more = 0 } = {}) {
  const rig = createRig({ workers: 'inline' });
  const a = rig.source('loras/a.safetensors', size).path;
  const b = join(a, '../b.safetensors');
  const others = [b, ...Array.from({ length: more }, (_, index) => join(a, `../more-${index}.safetensors`))];
  for (const other of others) {
    copyFileSync(a, other);
    execFileSync('touch', ['-r', a, other]);
  }
  const unlinked = withoutLinks(rig.workers);
  for (const path of [a, ...others]) await rig.request(path, 'background', identity ? 'hdd' : 'ssd').ended;
  unlinked.mockRestore();
  const sharing = new Deduplicator(rig);
  onTestFinished(() => sharing[Symbol.asyncDispose]());
  return { rig, sharing, one: copyOf(rig, a), other: copyOf(rig, b), copies: [...rig.catalog.duplicates.all('ssd')] };
}

function copyOf(rig: Rig, path: string) {
  const [copy] = rig.catalog.copies.readyOf(rig.catalog.entries.byPath(path)?.id ?? 0);
  if (!copy) throw new Error(`${path} has no copy`);
  return copy;
}

const inode = (path: string) => statSync(path).ino;

test('two copies of the same SHA-256 become one file, which frees the other one', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  expect(copies).toHaveLength(2);
  expect(rig.catalog.placements.usedBytes('ssd')).toBe(2 * size);
  expect(await sharing.share(copies)).toBe(size);
  expect(inode(one.path)).toBe(inode(other.path));
  // The one that was read last stays.
  expect(inode(other.path)).toBe(Number(other.seal?.ino));
  expect(rig.catalog.placements.usedBytes('ssd')).toBe(size);
  expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  for (const copy of rig.catalog.copies.inState('ready')) {
    expect(copy.seal && rig.tier.check(copy.path, copy.seal)).toBe('ok');
    expect(await rig.tier.manifestOf(copy.path)).toMatchObject({ seal: copy.seal, hash: copy.hash });
  }
  expect(await sharing.share(rig.catalog.duplicates.all('ssd'))).toBe(0);
  expect(await reconcile(rig)).toMatchObject({ adopted: 0, forgotten: 0 });
});

test('a copy in use keeps its file, and the other one takes that; two in use stay two', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  rig.leases.grant(one.path, { app: 'comfyui', pid: 1 });
  expect(await sharing.share(copies)).toBe(size);
  expect(inode(other.path)).toBe(Number(one.seal?.ino));

  const again = await arrange();
  for (const { path } of [again.one, again.other]) again.rig.leases.grant(path, { app: 'comfyui', pid: 1 });
  expect(await again.sharing.share(again.copies)).toBe(0);
});

test('copies of a catalog that does not know their SHA-256 are joined by their proofs', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  const db = new Sqlite(join(rig.dir, 'catalog.db'));
  db.exec('UPDATE placements SET identified = 0; UPDATE entries SET identified = 0; UPDATE contents SET sha256 = NULL');
  db.close();
  expect(rig.catalog.contents.sha256Of(one.entryId)).toBeNull();
  expect(await sharing.share(copies)).toBe(size);
  expect(inode(one.path)).toBe(inode(other.path));
  expect(rig.catalog.contents.sha256Of(one.entryId)).toMatch(/^[\da-f]{64}$/);
});

test('two files whose proofs tell different SHA-256 stay two, whatever the hash of their chunks', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  const db = new Sqlite(join(rig.dir, 'catalog.db'));
  db.exec('UPDATE placements SET identified = 0; UPDATE entries SET identified = 0; UPDATE contents SET sha256 = NULL');
  db.close();
  const manifestPath = rig.tier.manifestPathOf(other.path);
  const proof = await readManifest(manifestPath);
  writeFileSync(manifestPath, JSON.stringify({ ...proof, sha256: 'f'.repeat(64) }));
  expect(await sharing.share(copies)).toBe(0);
  expect(inode(one.path)).not.toBe(inode(other.path));
  const [a, b] = [one, other].map(({ entryId }) => rig.catalog.contents.sha256Of(entryId));
  expect([a, b]).toEqual([expect.stringMatching(/^[\da-f]{64}$/), 'f'.repeat(64)]);
});

test('without a SHA-256 in both proofs nothing is joined: the hash of the chunks is only a hint', async () => {
  const { sharing, copies } = await arrange({ identity: false });
  expect(copies).toHaveLength(2);
  expect(await sharing.share(copies)).toBe(0);
});

test.each(['EPERM', 'ENOTSUP'])('where there are no hard links both stay as they are (%s)', async (code) => {
  const { rig, sharing, one, other, copies } = await arrange();
  injectFault('linkSync', {
    act: () => {
      throw systemError(code);
    },
  });
  expect(await sharing.share(copies)).toBe(0);
  for (const { path, seal } of [one, other]) expect(seal && rig.tier.check(path, seal)).toBe('ok');
});

test('of many equal copies each gets one more name once, whichever comes first', async () => {
  const { rig, sharing, one, copies } = await arrange({ more: 10 });
  const looks = vi.spyOn(rig.tier, 'openFiles');
  expect(copies).toHaveLength(12);
  expect(await sharing.share(copies)).toBe(11 * size);
  // A look for each pair, 66 of them, would be hours for ten thousand.
  expect(looks).toHaveBeenCalledTimes(11);
  expect(statSync(one.path).nlink).toBe(12);
});

test('of many equal copies that stay apart each is tried with a few others', async () => {
  const { rig, sharing, copies } = await arrange({ more: 10 });
  injectFault('linkSync', {
    act: () => {
      throw systemError('EPERM');
    },
  });
  const looks = vi.spyOn(rig.tier, 'openFiles');
  expect(await sharing.share(copies)).toBe(0);
  expect(looks).toHaveBeenCalledTimes(12 * 8);
});

test('a disk that fails half-way leaves both in service', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  injectFault('renameSync', {
    when: ([, to]) => to === one.path,
    act: () => {
      throw systemError('EIO');
    },
  });
  expect(await sharing.share(copies)).toBe(0);
  for (const { path, seal } of [one, other]) expect(seal && rig.tier.check(path, seal)).toBe('ok');
  expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  expect(await reconcile(rig)).toMatchObject({ adopted: 0, forgotten: 0 });
});

test('damage in a shared file takes all of its names out of service, and each is copied again', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  await sharing.share(copies);
  const bytes = readFileSync(one.path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(one.path, bytes);
  execFileSync('touch', ['-r', rig.catalog.entries.byId(one.entryId)?.path ?? '', one.path]);
  const recopied: string[] = [];
  const recopy = async ({ path }: { path: string }) => recopied.push(path) > 0;
  const scrub = new Scrub({ ...rig, periodMs: () => null, onMeasured: () => {}, onIdentified: () => {}, recopy });
  onTestFinished(() => scrub[Symbol.asyncDispose]());
  const answer = await scrub.verify(rig.catalog.copies.inState('ready'));
  expect(answer.damaged).toMatchObject([
    { copy: one.path, chunks: [0], recopied: true },
    { copy: other.path, chunks: [0], recopied: true },
  ]);
  expect(answer.skipped).toEqual([]);
  expect(rig.catalog.copies.inState('ready')).toEqual([]);
  expect(recopied).toHaveLength(2);
  expect(await reconcile(rig)).toMatchObject({ adopted: 0 });
});

test('that happens while the copies are read again, and none is taken for damaged', async () => {
  const { rig, sharing, one, other, copies } = await arrange();
  const deps = { ...rig, periodMs: () => null, onMeasured: () => {}, onIdentified: () => {}, recopy: async () => false };
  const scrub = new Scrub(deps);
  onTestFinished(() => scrub[Symbol.asyncDispose]());
  const verifying = scrub.verify([one, other, one]);
  expect(await sharing.share(copies)).toBe(size);
  expect((await verifying).damaged).toEqual([]);
  expect((await scrub.verify([one, other])).damaged).toEqual([]);
});

test('a purge tells what really comes free, before and after', async () => {
  const { rig, sharing, copies } = await arrange();
  await sharing.share(copies);
  const deps = { ...rig, matcher: () => () => true };
  const chosen = rig.catalog.copies.inState('ready').flatMap((copy) => {
    const entry = rig.catalog.entries.byId(copy.entryId);
    return entry ? [{ copy, entry }] : [];
  });
  const dry = (some: typeof chosen) => removeCopies(deps, some, { dryRun: true, why: 'purge' });
  expect(await dry(chosen.slice(0, 1))).toMatchObject({ files: 1, bytes: 0 });
  expect(await dry(chosen)).toMatchObject({ files: 2, bytes: size });
  expect(await removeCopies(deps, chosen, { dryRun: false, why: 'purge' })).toMatchObject({ files: 2, bytes: size });
  expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ evictions: 2, evictedBytes: size });
});

test('copies of the day before are joined at the start, and a new one when its job is done', async () => {
  const { rig, sharing, one, other } = await arrange();
  sharing.start();
  const joined = () => expect(rig.catalog.placements.usedBytes('ssd')).toBe(size);
  await vi.waitFor(joined, soon());
  expect(inode(one.path)).toBe(inode(other.path));
  const c = join(rig.root, 'loras/c.safetensors');
  copyFileSync(join(rig.root, 'loras/a.safetensors'), c);
  execFileSync('touch', ['-r', join(rig.root, 'loras/a.safetensors'), c]);
  withoutLinks(rig.workers);
  await rig.copy(c);
  await vi.waitFor(joined, soon());
  expect(inode(copyOf(rig, c).path)).toBe(inode(one.path));
});
