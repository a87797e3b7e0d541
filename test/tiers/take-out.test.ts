import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Seal } from '../../src/core/types.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const canLink = process.platform !== 'win32';

function sealOf(path: string): Seal {
  const stat = statSync(path, { bigint: true });
  return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) };
}

/** A file and its proof in a tier, put there without the copying. */
function arrange(rel = join('loras', 'a.safetensors')) {
  const dir = join(tempDir(), 'cache');
  const tier = openPosixTier('ssd', dir);
  const place = tier.placeOf('/nas/models', rel);
  writeModel(place.path, 1000);
  mkdirSync(dirname(place.manifestPath), { recursive: true });
  writeFileSync(place.manifestPath, '{}');
  return { dir, tier, ...place, seal: sealOf(place.path) };
}

describe('a copy is what was sealed', () => {
  test.each<[string, (path: string) => void]>([
    ['longer', (path) => writeFileSync(path, 'x', { flag: 'a' })],
    ['shorter', (path) => writeFileSync(path, '')],
    ['of another time', (path) => utimesSync(path, 5, 5)],
    [
      'another file of the same size and time',
      (path) => {
        const { atime, mtime } = statSync(path);
        writeFileSync(`${path}.new`, readFileSync(path).reverse());
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      },
    ],
  ])('not when it is %s', (_how, change) => {
    const { tier, path, seal } = arrange();
    change(path);
    expect(tier.check(path, seal)).toBe('changed');
  });

  test('not when it is away, nor when something that is no file stands there', () => {
    const { tier, path, seal } = arrange();
    rmSync(path);
    expect(tier.check(path, seal)).toBe('gone');
    mkdirSync(path);
    expect(tier.check(path, seal)).toBe('gone');
    rmSync(dirname(path), { recursive: true });
    writeFileSync(dirname(path), 'a file where the folder was');
    expect(tier.check(path, seal)).toBe('gone');
  });

  test.runIf(canLink)('not when it is a link, even to the very file: answers are real files', () => {
    const { tier, path, seal } = arrange();
    renameSync(path, `${path}.moved`);
    symlinkSync(`${path}.moved`, path);
    expect(tier.check(path, seal)).toBe('gone');
  });

  test.runIf(canLink)('not when the links that lead to it go round in a circle', () => {
    const { tier, path, seal } = arrange();
    rmSync(dirname(path), { recursive: true });
    symlinkSync(dirname(path), dirname(path));
    expect(tier.check(path, seal)).toBe('gone');
  });
});

describe('taking a copy out', () => {
  test('frees its file and its proof, and the folders that became empty', async () => {
    const { dir, tier, path } = arrange();
    const leaving = tier.takeOut(path);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(leaving)).toBe(true);
    await tier.free(leaving);
    expect(readdirSync(tier.partialDir)).toEqual([]);
    expect(readdirSync(join(dir, 'files'))).toEqual([]);
    expect(readdirSync(join(dir, 'seals'))).toEqual([]);
  });

  test('leaves a folder that holds something else, ours or not', () => {
    const { tier, path, manifestPath } = arrange();
    const foreign = [join(dirname(path), 'readme.txt'), join(dirname(manifestPath), 'readme.txt')];
    for (const file of foreign) writeFileSync(file, 'mine');
    const neighbour = tier.placeOf('/nas/models', join('loras', 'b.safetensors')).path;
    writeModel(neighbour, 10);
    tier.takeOut(path);
    for (const file of [...foreign, neighbour]) expect(existsSync(file)).toBe(true);
  });

  test('that the system does not let go of leaves it in its place, proof and all', () => {
    const { tier, path, manifestPath } = arrange();
    rmSync(tier.partialDir, { recursive: true });
    writeFileSync(tier.partialDir, 'the rename has nowhere to go');
    expect(() => tier.takeOut(path)).toThrow(expect.objectContaining({ code: 'IN_USE', hint: expect.any(String) }));
    expect(existsSync(path)).toBe(true);
    expect(existsSync(manifestPath)).toBe(true);
  });

  test('never takes what lies outside the tier, however it is spelled', () => {
    const { dir, tier } = arrange();
    const outside = join(dirname(dir), 'models', 'a.safetensors');
    const marker = join(dir, '.autocached');
    const sibling = join(`${dir}-2`, 'files', 'x', 'a.safetensors');
    for (const path of [outside, sibling]) writeModel(path, 10);
    for (const path of [
      outside,
      sibling,
      marker,
      join(dir, 'files', '..', '..', 'models', 'a.safetensors'),
      join(dir, 'files'),
    ]) {
      expect(() => tier.takeOut(path)).toThrow('not a place of this tier');
      expect(existsSync(path)).toBe(true);
    }
  });

  test.runIf(canLink)('never reaches through a link into a library', async () => {
    const { dir, tier, path } = arrange();
    const library = join(dirname(dir), 'library');
    const model = join(library, basename(path));
    writeModel(model, 1000);
    rmSync(dirname(path), { recursive: true });
    symlinkSync(library, dirname(path));
    await tier.free(tier.takeOut(path));
    expect(existsSync(model)).toBe(true);
  });

  test.runIf(canLink)('of a link takes neither the link nor what it leads to', async () => {
    const { dir, tier, path } = arrange();
    const model = join(dirname(dir), 'library', 'a.safetensors');
    writeModel(model, 1000);
    rmSync(path);
    symlinkSync(model, path);
    await tier.free(tier.takeOut(path));
    expect(existsSync(model)).toBe(true);
    expect(existsSync(path)).toBe(true);
  });

  test('of a file with a second name leaves the bytes under the other name', async () => {
    const { dir, tier, path } = arrange();
    const other = join(dirname(dir), 'kept.safetensors');
    linkSync(path, other);
    await tier.free(tier.takeOut(path));
    expect(statSync(other).size).toBe(1000);
  });
});
