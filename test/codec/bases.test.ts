import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changed } from '../../bench/fine-tunes.ts';
import { makeSafetensors, makeTensor } from '../../bench/weights.ts';
import { BaseFile } from '../../src/codec/base-file.ts';
import { type BaseTrial, chooseBases } from '../../src/codec/choose-bases.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { addDifference, takeDifference } from '../../src/codec/difference.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { readTail } from '../../src/codec/footer.ts';
import { restoreScript } from '../../src/codec/restore-script.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** A folder of compressed files. */
class Tier {
  readonly dir = tempDir();

  constructor() {
    mkdirSync(join(this.dir, 'files'));
  }

  path(name: string): string {
    return join(this.dir, 'files', `${name}.zst`);
  }

  /** @returns bytes of the compressed form, and how its bases were chosen */
  async compress(name: string, original: Uint8Array, bases: string[] = []): Promise<{ bytes: number; trial: BaseTrial }> {
    const source = join(this.dir, name);
    writeFileSync(source, original);
    const [from, to] = [openSync(source, 'r'), openSync(this.path(name), 'w')];
    const files = bases.map((base) => new BaseFile(this.path(base), `files/${base}.zst`));
    try {
      const trial = await chooseBases(from, original.length, files);
      await encodeFile(from, to, { bases: trial.bases });
      return { bytes: statSync(this.path(name)).size, trial };
    } finally {
      for (const file of files) file[Symbol.dispose]();
      for (const fd of [from, to]) closeSync(fd);
    }
  }

  async restore(name: string): Promise<Buffer> {
    const path = this.path(name);
    const to = join(this.dir, `${name}.restored`);
    const [source, target] = [openSync(path, 'r'), openSync(to, 'w')];
    try {
      await decodeFile(source, target, { path });
    } finally {
      for (const fd of [source, target]) closeSync(fd);
    }
    return readFileSync(to);
  }
}

const small = (seed: number) => ({ ...makeTensor('BF16', 700_000, seed), name: 'a.weight' });

/** A checkpoint of a third that fine-tunes share, and two thirds that they change. */
function family(dtype: 'F16' | 'BF16', changes: number[]): Uint8Array[] {
  const shared = { ...makeTensor(dtype, 350_000, 1), name: 'cond.weight' };
  const own = { ...makeTensor(dtype, 700_000, 2), name: 'model.weight' };
  return [own, ...changes.map((change, k) => changed(own, change, k))].map((tensor) => makeSafetensors([shared, tensor]));
}

test.each(['F16', 'BF16'] as const)('a fine-tune in %s stands on its base and comes back byte for byte', async (dtype) => {
  const tier = new Tier();
  const [base = new Uint8Array(), tuned = new Uint8Array()] = family(dtype, [0.01]);
  const alone = await tier.compress('base', base);
  const { bytes, trial } = await tier.compress('tuned', tuned, ['base']);
  expect(trial.bases.map(({ delta }) => delta)).toEqual([true]);
  expect(alone.bytes / bytes).toBeGreaterThan(2.5);
  expect((await tier.restore('tuned')).equals(tuned)).toBe(true);
  expect(spawnSync('zstd', ['-tq', tier.path('tuned')]).status).toBe(0);
});

test('equal tensors are stored once, also where headers and order of the files differ', async () => {
  const tier = new Tier();
  const shared = Array.from({ length: 4 }, (_, k) => ({ ...makeTensor('F16', 900_000, k + 1), name: `shared.${k}` }));
  await tier.compress('one', makeSafetensors([...shared, small(10)]));
  const other = makeSafetensors([{ ...small(11), name: 'another name of another length' }, ...shared.toReversed()]);
  const { bytes } = await tier.compress('two', other, ['one']);
  expect(bytes).toBeLessThan(1.2e6);
  expect((await tier.restore('two')).equals(other)).toBe(true);
});

test('a file with nothing in common stands on nothing', async () => {
  const tier = new Tier();
  await tier.compress('one', makeSafetensors([small(1)]));
  const { trial } = await tier.compress('two', makeSafetensors([small(2)]), ['one']);
  expect(trial.bases).toEqual([]);
  const fd = openSync(tier.path('two'), 'r');
  expect(readTail(fd).metadata).toMatchObject({ requires: [] });
  closeSync(fd);
});

test('a base that stands on another gives only what it stores itself', async () => {
  const tier = new Tier();
  const [base = new Uint8Array(), second = new Uint8Array(), third = new Uint8Array()] = family('BF16', [0.01, 0.01]);
  await tier.compress('base', base);
  await tier.compress('second', second, ['base']);
  const { trial } = await tier.compress('third', third, ['second', 'base']);
  expect(trial.bases.map(({ base: { is } }) => is.file)).toEqual(['files/base.zst']);
  rmSync(tier.path('second'));
  expect((await tier.restore('third')).equals(third)).toBe(true);
});

test('a base that is gone, replaced or damaged is told as damage, and gives no wrong byte', async () => {
  const tier = new Tier();
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

test('Python restores such a file without us', { timeout: 120_000 }, async () => {
  const tier = new Tier();
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

test('differences of any numbers give them back', () => {
  const numbers = fc.array(fc.tuple(fc.nat(0xffff), fc.nat(0xffff)), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(numbers, fc.constantFrom('delta2', 'delta2r'), (pairs, as) => {
      const own = Uint16Array.from(pairs, ([one]) => one);
      const base = Uint16Array.from(pairs, ([, other]) => other);
      const planes = [new Uint8Array(own.length), new Uint8Array(own.length)] as const;
      takeDifference(as, own, base, planes);
      const back = new Uint16Array(own.length);
      addDifference(as, back, base, planes);
      expect(back).toEqual(own);
    }),
  );
});
