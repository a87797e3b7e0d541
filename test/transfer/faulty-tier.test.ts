import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { faultyTier } from '../helpers/faulty-tier.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;

/** Room for two copies; both are made. */
async function full(): Promise<Rig> {
  const rig = createRig({ limit: 2.5 * MiB });
  for (const name of ['a', 'b']) expect((await rig.copy(rig.source(`loras/${name}`, MiB).path)).state).toBe('done');
  return rig;
}

/** From now on the rig's tier is this one. */
function breakTier(rig: Rig, faults: Parameters<typeof faultyTier>[1]) {
  const { tier, assertAllFired } = faultyTier({ ...rig.tier }, faults);
  Object.assign(rig.tier, tier);
  return assertAllFired;
}

const copyThird = (rig: Rig) => rig.copy(rig.source('loras/c', MiB).path);

describe('a cache disk that errs while a copy makes room', () => {
  test.each(['EBUSY', 'EPERM'] as const)(
    '%s on the first victim: the second leaves instead, and the first still serves',
    async (wrong) => {
      const rig = await full();
      const assertAllFired = breakTier(rig, [{ call: 'takeOut', nth: 1, wrong }]);
      expect((await copyThird(rig)).state).toBe('done');
      assertAllFired();
      expect(existsSync(rig.tier.placeOf(rig.root, 'loras/a').path)).toBe(true);
      expect(rig.catalog.copies.inState('ready')).toHaveLength(2);
      expect(rig.catalog.placements.usedBytes('ssd')).toBeLessThanOrEqual(rig.bound.limit);
    },
  );

  test('nothing can be removed: the copy fails, nothing is lost, no space is booked for it', async () => {
    const rig = await full();
    const assertAllFired = breakTier(rig, [{ call: 'takeOut', nth: 'every', wrong: 'EBUSY' }]);
    expect((await copyThird(rig)).error?.code).toBe('NO_SPACE');
    assertAllFired();
    expect(rig.catalog.copies.inState('ready')).toHaveLength(2);
    expect(rig.catalog.copies.inState('copying', 'evicting')).toEqual([]);
  });

  test('a victim that somebody deleted by hand leaves the books, and its space is used', async () => {
    const rig = await full();
    const assertAllFired = breakTier(rig, [{ call: 'takeOut', nth: 1, wrong: 'vanish' }]);
    expect((await copyThird(rig)).state).toBe('done');
    assertAllFired();
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(2 * MiB);
  });

  test('a disk whose free space cannot be told fails the copy and keeps what is there', async () => {
    const rig = await full();
    const assertAllFired = breakTier(rig, [{ call: 'capacity', nth: 1, wrong: 'EIO' }]);
    expect((await copyThird(rig)).state).toBe('failed');
    assertAllFired();
    expect(rig.catalog.copies.inState('ready')).toHaveLength(2);
    expect((await copyThird(rig)).state).toBe('done');
  });

  test('freeing that takes long does not let two copies take the same space', async () => {
    const rig = await full();
    const assertAllFired = breakTier(rig, [{ call: 'free', nth: 1, wrong: { delayMs: 100 } }]);
    const jobs = ['c', 'd'].map((name) => rig.request(rig.source(`loras/${name}`, MiB).path));
    let most = 0;
    rig.events.subscribe(() => {
      most = Math.max(most, rig.catalog.placements.usedBytes('ssd'));
    });
    await Promise.all(jobs.map((job) => job.ended));
    assertAllFired();
    expect(most).toBeLessThanOrEqual(rig.bound.limit);
    expect(jobs.map(({ state }) => state)).toEqual(['done', 'done']);
    expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  });
});

test('the kit itself: a fault that did not happen is told', () => {
  const rig = createRig();
  const { tier, assertAllFired } = faultyTier(rig.tier, [{ call: 'capacity', nth: 2, wrong: 'ENOSPC' }]);
  tier.capacity();
  expect(assertAllFired).toThrow(/never fired.*capacity/);
  expect(() => tier.capacity()).toThrow('ENOSPC');
  assertAllFired();
});
