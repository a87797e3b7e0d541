import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changed } from '../../bench/fine-tunes.ts';
import { makeSafetensors, makeTensor } from '../../bench/weights.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { addDifference, takeDifference } from '../../src/codec/difference.ts';
import { readTail } from '../../src/codec/footer.ts';
import { restoreScript } from '../../src/codec/restore-script.ts';
import { CompressedTier } from './compressed-tier.ts';

const small = (seed: number) => ({ ...makeTensor('BF16', 700_000, seed), name: 'a.weight' });

/** A checkpoint of a third that fine-tunes share, and two thirds that they change. */
function family(dtype: 'F16' | 'BF16', changes: number[]): Uint8Array[] {
  const shared = { ...makeTensor(dtype, 350_000, 1), name: 'cond.weight' };
  const own = { ...makeTensor(dtype, 700_000, 2), name: 'model.weight' };
  return [own, ...changes.map((change, k) => changed(own, change, k))].map((tensor) => makeSafetensors([shared, tensor]));
}

test.each(['F16', 'BF16'] as const)('a fine-tune in %s stands on its base and comes back byte for byte', async (dtype) => {
  const tier = new CompressedTier();
  const [base = new Uint8Array(), tuned = new Uint8Array()] = family(dtype, [0.01]);
  const alone = await tier.compress('base', base);
  const { bytes, trial } = await tier.compress('tuned', tuned, ['base']);
  expect(trial.bases.map(({ delta }) => delta)).toEqual([true]);
  expect(alone.bytes / bytes).toBeGreaterThan(2.5);
  expect((await tier.restore('tuned')).equals(tuned)).toBe(true);
  expect(spawnSync('zstd', ['-tq', tier.path('tuned')]).status).toBe(0);
});

test('equal tensors are stored once, also where headers and order of the files differ', async () => {
  const tier = new CompressedTier();
  const shared = Array.from({ length: 4 }, (_, k) => ({ ...makeTensor('F16', 900_000, k + 1), name: `shared.${k}` }));
  await tier.compress('one', makeSafetensors([...shared, small(10)]));
  const other = makeSafetensors([{ ...small(11), name: 'another name of another length' }, ...shared.toReversed()]);
  const { bytes } = await tier.compress('two', other, ['one']);
  expect(bytes).toBeLessThan(1.2e6);
  expect((await tier.restore('two')).equals(other)).toBe(true);
});

test('a file with nothing in common stands on nothing', async () => {
  const tier = new CompressedTier();
  await tier.compress('one', makeSafetensors([small(1)]));
  const { trial } = await tier.compress('two', makeSafetensors([small(2)]), ['one']);
  expect(trial.bases).toEqual([]);
  const fd = openSync(tier.path('two'), 'r');
  expect(readTail(fd).metadata).toMatchObject({ requires: [] });
  closeSync(fd);
});

test('a base that stands on another gives only what it stores itself', { tags: 'slow' }, async () => {
  const tier = new CompressedTier();
  const [base = new Uint8Array(), second = new Uint8Array(), third = new Uint8Array()] = family('BF16', [0.01, 0.01]);
  await tier.compress('base', base);
  await tier.compress('second', second, ['base']);
  const { trial } = await tier.compress('third', third, ['second', 'base']);
  expect(trial.bases.map(({ base: { is } }) => is.file)).toEqual(['files/base.zst']);
  rmSync(tier.path('second'));
  expect((await tier.restore('third')).equals(third)).toBe(true);
});

test('a base that is gone, replaced or damaged is told as damage, and gives no wrong byte', { tags: 'slow' }, async () => {
  const tier = new CompressedTier();
  const original = makeSafetensors([small(1)]);
  await tier.compress('base', original);
  const tuned = makeSafetensors([changed(small(1), 0.01, 1)]);
  await tier.compress('tuned', tuned, ['base']);
  const good = readFileSync(tier.path('base'));
  const damaged = Buffer.from(good);
  damaged[200_000] = (damaged[200_000] ?? 0) ^ 1;
  writeFileSync(tier.path('base'), damaged);
  await expect(tier.restore('tuned')).rejects.toMatchObject({ code: 'CORRUPT' });
  await tier.compress('base', makeSafetensors([small(2)]));
  await expect(tier.restore('tuned')).rejects.toThrow('holds another file');
  rmSync(tier.path('base'));
  await expect(tier.restore('tuned')).rejects.toThrow('files/base.zst, which it stands on, is gone');
  writeFileSync(tier.path('base'), good);
  const moved = `${tier.dir}-moved`;
  renameSync(tier.dir, moved);
  const fd = openSync(join(moved, 'files/tuned.zst'), 'r');
  expect((await decodeFile(fd, null, { path: join(moved, 'files/tuned.zst') })).size).toBe(tuned.length);
  closeSync(fd);
  renameSync(moved, tier.dir);
});

test('Python restores such a file without us', { tags: 'slow', timeout: 120_000 }, async () => {
  const tier = new CompressedTier();
  await tier.compress('base', makeSafetensors([small(1), { ...makeTensor('F16', 600_000, 3), name: 'half' }]));
  const tuned = makeSafetensors([
    changed(small(1), 0.01, 1),
    changed({ ...makeTensor('F16', 600_000, 3), name: 'half' }, 0.01, 2),
  ]);
  await tier.compress('tuned', tuned, ['base']);
  const script = join(tier.dir, 'restore.py');
  writeFileSync(script, restoreScript);
  const to = join(tier.dir, 'restored');
  const run = () => spawnSync('python3', [script, tier.path('tuned'), to], { encoding: 'utf8' });
  expect(run()).toMatchObject({ status: 0, stderr: '' });
  expect(readFileSync(to).equals(tuned)).toBe(true);
  rmSync(tier.path('base'));
  expect(run().status).not.toBe(0);
});

test.each(['delta2', 'delta2r', 'delta4'] as const)('differences (%s) of any numbers give them back', (as) => {
  const isWide = as === 'delta4';
  const number = fc.nat(isWide ? 0xffffffff : 0xffff);
  const Numbers = isWide ? Uint32Array : Uint16Array;
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 300 }), (pairs) => {
      const own = Numbers.from(pairs.map(([one]) => one));
      const base = Numbers.from(pairs.map(([, other]) => other));
      const planes = Array.from({ length: isWide ? 4 : 2 }, () => new Uint8Array(own.length));
      takeDifference(as, own, base, planes);
      const back = new Numbers(own.length);
      addDifference(as, back, base, planes);
      expect(back).toEqual(own);
    }),
  );
});
