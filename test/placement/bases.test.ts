import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { encoders, makeSafetensors, makeTensor } from '../../bench/weights.ts';
import { removeCopies } from '../../src/space/purge.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { demoterOf, tiersOf } from '../helpers/demoter.ts';
import { flipBit, writeWeights } from '../helpers/files.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const size = 2 * MiB;

/** A base and a fine-tune of it, both compressed, the fine-tune as differences from the base. */
async function compressedPair(rig = createRig({ extra: ['cold'], workers: 'inline' })) {
  const base = rig.weights('loras/base.safetensors', size);
  const path = join(rig.root, 'loras/tuned.safetensors');
  const tuned = { path, bytes: writeWeights(path, size, base.bytes) };
  for (const { path } of [base, tuned]) await compress(rig, path);
  return { rig, base, tuned, cold: (path: string) => coldOf(rig, path) };
}

async function compress(rig: Rig, path: string): Promise<void> {
  for (const tier of ['ssd', 'cold'] as const) {
    const { error } = await rig.copy(path, tier);
    if (error) throw error;
  }
}

function coldOf({ catalog }: Rig, path: string) {
  const copy = catalog.copies.readyOf(catalog.entries.byPath(path)?.id ?? 0).find(({ tier }) => tier === 'cold');
  if (!copy) throw new Error(`${path} is not compressed`);
  return copy;
}

const evict = async ({ rig, path }: { rig: Rig; path: string }) => {
  const entry = rig.catalog.entries.byPath(path);
  if (!entry) throw new Error('there is no such entry');
  return rig.evictor.evict(coldOf(rig, path), entry, 'space');
};

test('a fine-tune takes a fraction of the room, and both come back as they were', async () => {
  const { rig, base, tuned, cold } = await compressedPair();
  expect(cold(tuned.path).bytes * 3).toBeLessThan(cold(base.path).bytes);
  expect(rig.catalog.placements.usedBytes('cold')).toBe(cold(base.path).bytes + cold(tuned.path).bytes);
  const { bases } = rig.catalog;
  expect(bases.totals('cold')).toEqual({ files: 1, bytes: cold(tuned.path).bytes, represented: tuned.bytes.length });
  expect(bases.sourcesBelow([cold(tuned.path)])).toEqual([base.path]);
  expect(bases.sourcesAbove([cold(base.path)])).toEqual([tuned.path]);
  for (const { path, bytes } of [tuned, base]) {
    const job = await rig.copy(path);
    expect(job.error).toBeNull();
    expect(readFileSync(rig.tier.placeOf(rig.root, path.slice(rig.root.length + 1)).path).equals(bytes)).toBe(true);
  }
});

test.each(['fp32', 'fp16'] as const)(
  'a model stands on its twin in %s, whatever else is compressed',
  { tags: 'slow' },
  async (first) => {
    const rig = createRig({ extra: ['cold'], workers: 'inline' });
    const tensor = { ...makeTensor('F32', 200_000, 1), name: 'a' };
    const half = { ...tensor, dtype: 'F16', bytes: encoders.F16(new Float32Array(new Uint8Array(tensor.bytes).buffer)) };
    const twins = { fp32: makeSafetensors([tensor]), fp16: makeSafetensors([half]) };
    const second = first === 'fp32' ? 'fp16' : 'fp32';
    const write = (name: keyof typeof twins) => {
      const path = join(rig.root, `loras/${name}.safetensors`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, twins[name]);
      return path;
    };
    await compress(rig, write(first));
    // More of its size than are tried.
    for (let k = 0; k < 9; k++)
      await compress(rig, rig.weights(`loras/other-${k}.safetensors`, twins[second].length + 20 * k).path);
    const path = write(second);
    await compress(rig, path);
    expect(coldOf(rig, path).bytes * (second === 'fp16' ? 100 : 1.8)).toBeLessThan(twins[second].length);
    expect(rig.catalog.bases.sourcesBelow([coldOf(rig, path)])).toEqual([join(rig.root, `loras/${first}.safetensors`)]);
    expect((await rig.copy(path)).error).toBeNull();
    const place = rig.tier.placeOf(rig.root, `loras/${second}.safetensors`).path;
    expect(readFileSync(place).equals(twins[second])).toBe(true);
  },
);

test('a base does not leave before those that stand on it, whoever asks', { tags: 'slow' }, async () => {
  const { rig, base, tuned } = await compressedPair();
  expect(await evict({ rig, path: base.path })).toMatchObject({ removed: false, why: expect.stringContaining('differences') });
  await rig.copy(base.path);
  expect(tiersOf(rig, base.path)).toEqual(['ssd', 'cold']);
  const both = [...rig.catalog.copies.placed({ tiers: ['cold'] })];
  const deps = { ...rig, matcher: () => () => true };
  const said = await removeCopies(deps, both, { dryRun: true, why: 'purge' });
  const done = await removeCopies(deps, both, { dryRun: false, why: 'purge' });
  expect(done).toMatchObject({ files: 2, bytes: said.bytes });
  expect(tiersOf(rig, tuned.path)).toEqual([]);
});

test('what has no source any more stands on nothing: it is restored', async () => {
  const { rig, tuned } = await compressedPair();
  rmSync(tuned.path);
  await demoterOf(rig).consider();
  expect(tiersOf(rig, tuned.path)).toEqual(['ssd']);
  expect(rig.catalog.bases.standing()).toEqual([]);
  expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/tuned.safetensors').path).equals(tuned.bytes)).toBe(true);
});

test('an outage of the sources changes nothing', async () => {
  const { rig, tuned } = await compressedPair();
  rig.sources.away = 'the NAS does not answer';
  await demoterOf(rig).consider();
  expect(tiersOf(rig, tuned.path)).toEqual(['cold']);
});

test('with a damaged base, all that stand on it are made again from their sources', { tags: 'slow' }, async () => {
  const { rig, base, tuned, cold } = await compressedPair();
  flipBit(cold(base.path).path, 300_000);
  const job = await rig.copy(base.path);
  expect(job.error).toBeNull();
  expect(tiersOf(rig, tuned.path)).toEqual([]);
  expect((await rig.copy(tuned.path)).error).toBeNull();
  expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/tuned.safetensors').path).equals(tuned.bytes)).toBe(true);
});

test('with a lost base, a load comes from the source', async () => {
  const { rig, base, tuned, cold } = await compressedPair();
  rmSync(cold(base.path).path);
  expect((await rig.copy(tuned.path)).error).toBeNull();
  expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/tuned.safetensors').path).equals(tuned.bytes)).toBe(true);
});

test('a catalog that was lost knows again what stands on what', async () => {
  const { rig, base, tuned, cold } = await compressedPair();
  const { path } = cold(base.path);
  const tier = rig.tiers.require('cold');
  for (const { copy } of [...rig.catalog.copies.placed({ tiers: ['cold'] })]) rig.catalog.copies.forget(copy.id);
  expect(rig.catalog.bases.dependents(path)).toEqual([]);
  await reconcile({ ...rig, tier: tier as never });
  expect(rig.catalog.bases.dependents(path)).toEqual([cold(tuned.path).id]);
  expect(await evict({ rig, path: base.path })).toMatchObject({ removed: false });
});

test('a base that changed is not compressed over what stands on its former bytes', { tags: 'slow' }, async () => {
  const { rig, base, tuned, cold } = await compressedPair();
  const before = cold(base.path).path;
  rig.weights('loras/base.safetensors', size + 2);
  expect((await rig.copy(base.path)).error).toBeNull();
  const job = await rig.copy(base.path, 'cold');
  expect(job.state).not.toBe('done');
  expect(existsSync(before)).toBe(true);
  expect((await rig.copy(tuned.path)).error).toBeNull();
  expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/tuned.safetensors').path).equals(tuned.bytes)).toBe(true);
});
