import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { nothing, theCopy, withCopy } from './arrange.ts';

describe('another cache directory', () => {
  test('that was left behind is neither served from nor touched, and comes back with its directory', async () => {
    const { rig, copy, place } = await withCopy();
    const moved = openPosixTier('ssd', join(rig.dir, 'other-cache'));
    expect(await reconcile({ ...rig, tier: moved })).toEqual({ ...nothing, forgotten: 1 });
    expect(rig.catalog.copies.inState('ready')).toEqual([]);
    expect(rig.tier.check(place.path, copy.seal ?? { size: 0, mtimeNs: '', ino: '' })).toBe('ok');
    expect(existsSync(place.manifestPath)).toBe(true);
    expect(await reconcile(rig)).toEqual({ ...nothing, adopted: 1 });
    expect(theCopy(rig)).toMatchObject({ path: place.path, hash: copy.hash });
  });

  test('is not emptied of a copy that was on its way out', async () => {
    const { rig, copy, place } = await withCopy();
    rig.catalog.copies.setState(copy.id, 'evicting');
    await reconcile({ ...rig, tier: openPosixTier('ssd', join(rig.dir, 'other-cache')) });
    expect(existsSync(place.path)).toBe(true);
    expect(rig.catalog.copies.byPath(place.path)).toBeUndefined();
  });

  test('a copy of the directory, as a new disk gets it, is not taken on trust: the inodes are others', async () => {
    const { rig } = await withCopy();
    cpSync(join(rig.dir, 'cache'), join(rig.dir, 'clone'), { recursive: true, preserveTimestamps: true });
    const clone = openPosixTier('ssd', join(rig.dir, 'clone'));
    expect(await reconcile({ ...rig, tier: clone })).toMatchObject({ adopted: 0 });
  });

  test('that lost its marker is not worked on', async () => {
    const { rig, place } = await withCopy();
    rmSync(join(rig.tier.dir, '.autocached'));
    await expect(reconcile(rig)).rejects.toThrow('marker');
    expect(existsSync(place.path)).toBe(true);
  });
});

test('proofs lie apart from models: a loader that lists the folder of a copy finds models only', async () => {
  const { place } = await withCopy();
  expect(readdirSync(dirname(place.path))).toEqual(['a.safetensors']);
});
