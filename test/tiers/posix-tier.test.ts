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
import { basename, dirname, join, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Seal } from '../../src/core/types.ts';
import { copyPathOf, isClaimed, openPosixTier, sealPathOf } from '../../src/tiers/posix-tier.ts';
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
  mkdirSync(dirname(place.sealPath), { recursive: true });
  writeFileSync(place.sealPath, '{}');
  return { dir, tier, ...place, seal: sealOf(place.path) };
}

describe('a directory becomes a cache only when nothing else lives there', () => {
  test('one that is not there yet is made, marked, and readable by its user only', () => {
    const dir = join(tempDir(), 'some', 'where', 'cache');
    const tier = openPosixTier('ssd', dir);
    expect(isClaimed(dir)).toBe(true);
    expect(readdirSync(tier.partialDir)).toEqual([]);
    if (process.platform !== 'win32') expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  test('an empty one is taken, and one with the marker is taken again with all that is in it', () => {
    const dir = tempDir();
    openPosixTier('ssd', dir);
    writeFileSync(join(dir, 'notes.txt'), 'mine');
    openPosixTier('ssd', dir);
    expect(readFileSync(join(dir, 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('a library of models is refused, and not a byte of it changes (Arena A5: it was emptied)', () => {
    const library = tempDir();
    const models = ['checkpoints/a.safetensors', 'loras/deep/er/b.gguf', '.hidden'].map((rel) => join(library, rel));
    const bytes = models.map((path) => writeModel(path, 500));
    const refused = expect.objectContaining({
      code: 'BAD_CONFIG',
      message: expect.stringContaining(library),
      hint: expect.stringContaining('AUTOCACHE_DIR'),
    });
    expect(() => openPosixTier('ssd', library)).toThrow(refused);
    expect(readdirSync(library).sort()).toEqual(['.hidden', 'checkpoints', 'loras']);
    for (const [index, path] of models.entries()) expect(readFileSync(path).equals(bytes[index] ?? Buffer.alloc(0))).toBe(true);
    expect(isClaimed(library)).toBe(false);
  });

  test.runIf(canLink)('a library behind a link is refused as well', () => {
    const dir = tempDir();
    writeModel(join(dir, 'library', 'a.safetensors'), 10);
    symlinkSync(join(dir, 'library'), join(dir, 'cache'));
    expect(() => openPosixTier('ssd', join(dir, 'cache'))).toThrow('not autocached');
    expect(readdirSync(join(dir, 'library'))).toEqual(['a.safetensors']);
  });

  test.runIf(canLink)('behind a link, paths are those that the system shows of open files, or none would seem in use', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'ssd'));
    symlinkSync(join(dir, 'ssd'), join(dir, 'cache'));
    const tier = openPosixTier('ssd', join(dir, 'cache'));
    expect(tier.placeOf('/models', 'a').path.startsWith(join(dir, 'ssd') + sep)).toBe(true);
  });

  test('a file in the place of the directory is an error that says so', () => {
    const file = join(tempDir(), 'cache');
    writeFileSync(file, 'x');
    expect(() => openPosixTier('ssd', file)).toThrow(/EEXIST|ENOTDIR/);
    expect(readFileSync(file, 'utf8')).toBe('x');
  });
});

describe('the place of a copy', () => {
  const tier = () => openPosixTier('ssd', join(tempDir(), 'cache'));

  test('keeps base name, extension and the whole path below the root: loaders look at them', () => {
    const rel = join('loras', 'sub folder', 'Modèle №1 [v2].fp8.safetensors');
    const { path, sealPath } = tier().placeOf('/nas/models', rel);
    expect(path.endsWith(sep + rel)).toBe(true);
    expect(basename(path)).toBe('Modèle №1 [v2].fp8.safetensors');
    expect(dirname(path)).not.toBe(dirname(sealPath));
  });

  test.each([
    ['of equal names', '/nas/models', '/hdd/models'],
    ['that differ by case', '/nas/Models', '/nas/models'],
    ['whose names become equal when cleaned', '/nas/mo dels', '/nas/mo_dels'],
    ['that are one inside the other', '/nas', '/nas/models'],
    ['of the whole disk and of none', '/', ''],
  ])('two roots %s do not share it', (_what, one, other) => {
    const { placeOf } = tier();
    expect(placeOf(one, 'a').path).not.toBe(placeOf(other, 'a').path);
  });

  test('a proof leads to its copy and back', () => {
    const { tier: opened, path, sealPath } = arrange();
    expect(sealPathOf(opened.dir, path)).toBe(sealPath);
    expect(copyPathOf(opened.dir, sealPath)).toBe(path);
  });

  test.each([
    ['..'],
    ['../x'],
    ['../../../etc/passwd'],
    ['a/../../x'],
    ['a/../../../seals/x'],
    [''],
    ['.'],
    ['a/..'],
    ['a\0b'],
  ])('a hostile %j is refused', (rel) => {
    expect(() => tier().placeOf('/nas/models', rel)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test('never leaves the tier, whatever the root and the name are', () => {
    const opened = openPosixTier('ssd', join(tempDir(), 'cache'));
    const part = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', 'a', 'C:', '~', '%2e%2e'), fc.string());
    const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, path, (root, rel) => {
        try {
          const place = opened.placeOf(root, rel);
          for (const [kind, found] of [
            ['files', place.path],
            ['seals', place.sealPath],
          ] as const) {
            const below = found.slice(join(opened.dir, kind).length + 1).split(sep);
            expect(found.startsWith(join(opened.dir, kind) + sep)).toBe(true);
            expect(below.length).toBeGreaterThan(1);
            expect(below).not.toContain('..');
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'BAD_REQUEST' });
        }
      }),
    );
  });
});

describe('a copy is what was sealed', () => {
  test('when nothing touched it', () => {
    const { tier, path, seal } = arrange();
    expect(tier.check(path, seal)).toBe('ok');
  });

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
    const { tier, path, sealPath } = arrange();
    const foreign = [join(dirname(path), 'readme.txt'), join(dirname(sealPath), 'readme.txt')];
    for (const file of foreign) writeFileSync(file, 'mine');
    const neighbour = tier.placeOf('/nas/models', join('loras', 'b.safetensors')).path;
    writeModel(neighbour, 10);
    tier.takeOut(path);
    for (const file of [...foreign, neighbour]) expect(existsSync(file)).toBe(true);
  });

  test('that is not there any more is done already', async () => {
    const { tier, path, sealPath } = arrange();
    rmSync(path);
    await tier.free(tier.takeOut(path));
    expect(existsSync(sealPath)).toBe(false);
  });

  test('that the system does not let go of leaves it in its place, proof and all', () => {
    const { tier, path, sealPath } = arrange();
    rmSync(tier.partialDir, { recursive: true });
    writeFileSync(tier.partialDir, 'the rename has nowhere to go');
    expect(() => tier.takeOut(path)).toThrow(expect.objectContaining({ code: 'IN_USE', hint: expect.any(String) }));
    expect(existsSync(path)).toBe(true);
    expect(existsSync(sealPath)).toBe(true);
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

  test('never takes a folder that somebody put in its place', async () => {
    const { tier, path } = arrange();
    rmSync(path);
    writeModel(join(path, 'b.safetensors'), 10);
    await tier.free(tier.takeOut(path));
    expect(existsSync(join(path, 'b.safetensors'))).toBe(true);
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

test('the capacity is that of the volume, in bytes', () => {
  const { size, free } = arrange().tier.capacity();
  expect(size).toBeGreaterThan(1_000_000);
  expect(free).toBeGreaterThan(0);
  expect(free).toBeLessThanOrEqual(size);
});
