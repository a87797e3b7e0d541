import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { tiersOf } from '../helpers/demoter.ts';
import { flipBit } from '../helpers/files.ts';
import { createLookupRig, type LookupRigOptions, nextTurn } from '../helpers/lookup-rig.ts';

const MiB = 1024 * 1024;
const rel = 'checkpoints/a.safetensors';

/** A rig whose one file lies compressed in the cold tier, and nowhere else. */
async function withCold(options: LookupRigOptions = {}) {
  const rig = createLookupRig({ extra: ['cold'], ...options });
  const { path, bytes } = rig.weights(rel, 2 * MiB);
  for (const tier of ['ssd', 'cold'] as const) {
    const { error } = await rig.copy(path, tier);
    if (error) throw error;
  }
  expect(tiersOf(rig, path)).toEqual(['cold']);
  const cold = rig.tiers.require('cold').placeOf(rig.root, rel).path ?? '';
  return { rig, path, bytes, cold };
}

describe('a load of a file that is compressed', () => {
  test('waits for its restore, and is answered with the file on the SSD', async () => {
    const { rig, path, bytes, cold } = await withCold();
    const answer = await rig.ask(path, { waitMs: 20_000 });
    expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd', path: rig.placeOf(path) });
    expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    expect(existsSync(cold)).toBe(false);
    expect(tiersOf(rig, path)).toEqual(['ssd']);
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ hits: 1, evictions: 0 });
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT', tier: 'ssd' });
  });

  test('that does not wait gets its source, and the restore runs', async () => {
    const { rig, path } = await withCold();
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'QUEUED', job: { state: 'queued', tier: 'ssd' } });
    await rig.copier.activeJob(path)?.ended;
    expect(await rig.ask(path)).toMatchObject({ reason: 'HIT', tier: 'ssd' });
  });

  test.each(['wait', 'background', 'auto'] as const)(
    'waits with on-miss %s while the source is away: there is no other way',
    { tags: 'slow' },
    async (onMiss) => {
      const { rig, path, bytes } = await withCold();
      rig.options.onMiss = onMiss;
      rig.sources.away = 'the share does not answer';
      rmSync(path);
      const answer = await rig.ask(path, { waitMs: 20_000 });
      expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
      expect(readFileSync(answer.path).equals(bytes)).toBe(true);
      expect(await rig.ask(path)).toMatchObject({ reason: 'HIT_OFFLINE' });
    },
  );

  test('is found by its name while the source is away', async () => {
    const { rig, path } = await withCold();
    rig.sources.away = 'the share does not answer';
    rmSync(path);
    const named = { category: 'checkpoints', name: 'a.safetensors', waitMs: 20_000 };
    expect(await rig.ask(undefined, named)).toMatchObject({ reason: 'HIT_AFTER_WAIT', path: rig.placeOf(path) });
  });

  test('waits by what restores have been measured to take, not by what the source takes', { tags: 'slow' }, async () => {
    const { rig, path } = await withCold();
    rig.options.onMiss = 'auto';
    const size = statSync(path).size;
    rig.speeds.learn('cold', 8 * MiB, 1000 * 1000);
    rig.speeds.learn(rig.root, 8 * MiB, 5 * 60_000);
    const slow = await rig.ask(path, { waitMs: (size / (8 * MiB)) * 900_000 });
    expect(slow).toMatchObject({ path, reason: 'QUEUED' });
    await rig.copier.activeJob(path)?.ended;
  });

  test('changes nothing in read-only mode', { tags: 'slow' }, async () => {
    const { rig, path, cold } = await withCold();
    rig.sources.mode = 'read-only';
    expect(await rig.ask(path, { waitMs: 1000 })).toMatchObject({ path, reason: 'READ_ONLY', job: null });
    rig.sources.away = 'the share does not answer';
    expect(await rig.ask(path, { waitMs: 1000 })).toMatchObject({ path, reason: 'READ_ONLY', job: null });
    expect(existsSync(cold)).toBe(true);
    expect(rig.copier.activeJob(path)).toBeUndefined();
  });

  test('of a source that has changed gets the new one, and the compressed copy is not used again', {
    tags: 'slow',
  }, async () => {
    const { rig, path } = await withCold();
    const { bytes } = rig.weights(rel, 3 * MiB);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'STALE' });
    await nextTurn();
    await rig.copier.activeJob(path)?.ended;
    expect(readFileSync((await rig.ask(path)).path).equals(bytes)).toBe(true);
    expect(rig.catalog.copies.inState('ready').map(({ tier }) => tier)).toEqual(['ssd']);
  });

  test('with a flipped bit in it is answered with the bytes of the source', async () => {
    const { rig, path, bytes, cold } = await withCold();
    flipBit(cold, Math.floor(statSync(cold).size / 3));
    const answer = await rig.ask(path, { waitMs: 20_000 });
    expect(answer.reason).toBe('HIT_AFTER_WAIT');
    expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    expect(rig.seen.filter(({ name }) => name === 'copy-damaged')).toHaveLength(1);
  });

  test('whose compressed file is gone is an ordinary miss', async () => {
    const { rig, path, cold } = await withCold();
    const evict = vi.spyOn(rig.evictor, 'evict');
    rmSync(cold);
    expect(await rig.ask(path, { waitMs: 20_000 })).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
    expect(rig.seen.filter(({ name }) => name === 'copy-damaged')).toEqual([]);
    expect(evict).toHaveBeenCalledExactlyOnceWith(expect.anything(), expect.anything(), 'damaged');
  });
});
