import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Pauses } from '../../src/runtime/pauses.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { Tiers } from '../../src/tiers/tiers.ts';
import { Accounts } from '../../src/upkeep/accounts.ts';
import { soon } from '../helpers/patience.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { theCopy, withCopy } from './arrange.ts';

const pauses = (signal: AbortSignal) => new Pauses(signal);

/** The next start of the daemon with its accounts, after something happened to the cache. */
async function restart(rig: Rig, between: () => void) {
  await rig.close();
  between();
  const next = createRig({ dir: rig.dir, pauses });
  return { next, accounts: begun(next.accounts as Accounts) };
}

function begun(accounts: Accounts): Accounts {
  accounts.begin();
  return accounts;
}

/** As `for f in files/**: cp -p f t; mv t f`, and as a file system that numbers its files anew at each mount. */
function renumber(path: string): void {
  cpSync(path, `${path}.new`, { preserveTimestamps: true });
  renameSync(`${path}.new`, path);
}

const inService = (rig: Rig) => rig.catalog.copies.inState('ready').map(({ path }) => path);

test('a copy under another inode is compared with its proof and serves again; meanwhile it counts, and is not handed out', async () => {
  const { rig, place, bytes, copy } = await withCopy();
  rig.catalog.entries.setPinned(copy.entryId, true);
  const { next, accounts } = await restart(rig, () => renumber(place.path));
  await accounts.ready;
  expect(next.catalog.placements.usedBytes('ssd')).toBe(1000);
  await vi.waitFor(() => expect(inService(next)).toEqual([place.path]), soon());
  const now = theCopy(next);
  expect(now).toMatchObject({ hash: copy.hash, source: copy.source });
  expect(now.seal?.ino).toBe(String(statSync(place.path).ino));
  expect(next.tiers.isSound(now)).toBe(true);
  expect(next.catalog.entries.byId(now.entryId)?.pinned).toBe(true);
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
});

test('one with other bytes is removed', async () => {
  const { rig, place, path } = await withCopy();
  const { next, accounts } = await restart(rig, () => {
    rmSync(place.path);
    writeFileSync(place.path, Buffer.alloc(1000, 7));
  });
  await accounts.ready;
  await vi.waitFor(() => expect(existsSync(place.path)).toBe(false), soon());
  expect(next.catalog.copies.inState('ready', 'stale', 'evicting')).toEqual([]);
  expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(0);
  expect(existsSync(path)).toBe(true);
});

test('a copy of the whole cache directory, as a new disk gets it, is adopted by its hashes; the old one stays', async () => {
  const { rig, place } = await withCopy();
  cpSync(join(rig.dir, 'cache'), join(rig.dir, 'clone'), { recursive: true, preserveTimestamps: true });
  const clone = openPosixTier('ssd', join(rig.dir, 'clone'));
  await using accounts = begun(new Accounts({ ...rig, tiers: new Tiers([clone]), pauses }));
  await accounts.ready;
  const { path } = clone.placeOf(rig.root, 'loras/a.safetensors');
  await vi.waitFor(() => expect(inService(rig)).toEqual([path]), soon());
  expect(existsSync(place.path)).toBe(true);
});

test('while it is not compared it leaves for nothing', async () => {
  const { rig, place } = await withCopy();
  const { next, accounts } = await restart(rig, () => renumber(place.path));
  await vi.waitFor(() => expect(accounts.isUnproven(place.path)).toBe(true), soon());
  const copy = next.catalog.copies.byPath(place.path);
  const entry = copy && next.catalog.entries.byId(copy.entryId);
  if (!copy || !entry) throw new Error('it is not entered');
  expect(next.evictor.obstacle(copy, entry, new Set())).toContain('compared');
});

test('what a lost proof leaves counts towards the limit, is named, and purge removes it; what is not ours stays', async () => {
  const { rig, place } = await withCopy();
  const mine = join(rig.tier.dir, 'files', 'mine.safetensors');
  const { next, accounts } = await restart(rig, () => {
    rmSync(place.manifestPath);
    rmSync(join(rig.dir, 'catalog.db'));
    writeFileSync(mine, Buffer.alloc(500));
  });
  await accounts.ready;
  const paths = () => accounts.orphans.map(({ path }) => path).sort();
  expect(paths()).toEqual([place.path, mine].sort());
  expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(1500);
  expect(await accounts.dropOrphans({ remove: false })).toMatchObject({ gone: [{ path: place.path, bytes: 1000 }] });
  expect(existsSync(place.path)).toBe(true);
  await accounts.dropOrphans({ remove: true });
  expect([existsSync(place.path), existsSync(mine)]).toEqual([false, true]);
  expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(500);
  // A model that would fit an empty cache finds the room that is left.
  next.bound.limit = 1400;
  const { path } = next.source('loras/b.safetensors', 1000);
  expect((await next.copy(path)).error?.code).toBe('NO_SPACE');
});
