import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharingQuota } from '../../src/core/tier-traits.ts';
import type { TierName } from '../../src/core/types.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { Tiers } from '../../src/tiers/tiers.ts';
import { createRig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const open = (...names: TierName[]) => new Tiers(names.map((name) => openPosixTier(name, join(tempDir(), name))));

describe('the tiers', () => {
  test('come fastest first, in whatever order they were opened', () => {
    const tiers = open('cold', 'ssd', 'ram');
    expect([...tiers].map(({ name }) => name)).toEqual(['ram', 'ssd', 'cold']);
    expect(tiers.all()).toEqual([...tiers]);
    expect(tiers.servable().map(({ name }) => name)).toEqual(['ram', 'ssd']);
  });

  test('say by name which one is switched off', () => {
    const tiers = open('ssd');
    expect(tiers.get('ssd')).toBe(tiers.require('ssd'));
    expect(tiers.get('cold')).toBeUndefined();
    expect(() => tiers.require('cold')).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', message: 'the cold tier is switched off' }),
    );
  });

  test('share limits as their volumes do', () => {
    expect(sharingQuota('ram')).toEqual(['ram']);
    expect(sharingQuota('cold')).toEqual(['ssd', 'cold']);
  });
});

describe('a sound copy', () => {
  /** A source with copies on the SSD and in memory. */
  async function withCopies() {
    const rig = createRig({ extra: ['ram'], workers: 'inline' });
    const { path } = rig.source('loras/a.safetensors', 1000);
    await rig.copy(path);
    await rig.copy(path, 'ram');
    const [inRam, onSsd] = rig.catalog.copies.readyOf(rig.catalog.entries.byPath(path)?.id ?? 0);
    if (!inRam || !onSsd) throw new Error('the copies were not made');
    const { fingerprint } = rig.file(path);
    return { rig, inRam, onSsd, fingerprint };
  }

  test('is the first of those given that is still what was sealed', async () => {
    const { rig, inRam, onSsd, fingerprint } = await withCopies();
    const sound = () => rig.tiers.soundCopy([inRam, onSsd], fingerprint)?.tier;
    expect(sound()).toBe('ram');
    appendFileSync(inRam.path, 'x');
    expect(rig.tiers.check(inRam)).toBe('changed');
    expect(sound()).toBe('ssd');
    rmSync(onSsd.path);
    expect(rig.tiers.check(onSsd)).toBe('gone');
    expect(sound()).toBeUndefined();
  });

  test('is of the source as it is now, and has a seal and a tier', async () => {
    const { rig, onSsd, fingerprint } = await withCopies();
    expect(rig.tiers.soundCopy([onSsd], { ...fingerprint, mtimeNs: '1' })).toBeNull();
    expect(rig.tiers.check({ ...onSsd, seal: null })).toBeNull();
    expect(new Tiers([]).isSound(onSsd)).toBe(false);
    expect(rig.tiers.isSound(onSsd)).toBe(true);
  });
});
