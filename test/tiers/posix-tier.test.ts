import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isClaimed } from '../../src/tiers/marker.ts';
import { copyPathOf, openPosixTier } from '../../src/tiers/posix-tier.ts';
import { writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const canLink = process.platform !== 'win32';

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

  test.runIf(process.platform !== 'win32')('one whose marker cannot be read is not called a stranger’s', () => {
    const dir = tempDir();
    openPosixTier('ssd', dir);
    rmSync(join(dir, '.autocached'));
    mkdirSync(join(dir, '.autocached'));
    const said = `AUTOCACHE_DIR: ${join(dir, '.autocached')}, which marks it as autocached's, cannot be read`;
    expect(() => openPosixTier('ssd', dir)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', message: said }));
  });

  test('a new volume, which has a lost+found of its own, is taken', () => {
    const dir = tempDir();
    for (const name of ['lost+found', '.Trash-1000', '.fseventsd', 'System Volume Information']) mkdirSync(join(dir, name));
    openPosixTier('ssd', dir);
    expect(isClaimed(dir)).toBe(true);
    expect(readdirSync(dir)).toContain('lost+found');
  });

  test.runIf(process.platform === 'linux')('a place where nothing can be made is refused, and not tried for ever', () => {
    expect(() => openPosixTier('ssd', '/proc/none/cache')).toThrow(
      expect.objectContaining({
        code: 'BAD_CONFIG',
        message: expect.stringMatching(/^AUTOCACHE_DIR: \/proc\/none\/cache cannot be created: /),
      }),
    );
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

  test('a proof leads to its copy and back', () => {
    const opened = tier();
    const { path, manifestPath } = opened.placeOf('/nas/models', join('loras', 'a.json'));
    expect(opened.manifestPathOf(path)).toBe(manifestPath);
    expect(copyPathOf(opened.dir, manifestPath)).toBe(path);
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
            ['seals', place.manifestPath],
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
