import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { moveDurably } from '../../src/tiers/durable.ts';
import { parseManifest } from '../../src/tiers/manifest.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { publish } from '../../src/tiers/publish.ts';
import { heal, injectFault, systemError } from '../helpers/faulty-fs.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

function arrange(name = 'a.safetensors', dir = tempDir()) {
  const root = join(dir, 'models');
  const rel = join('loras', name);
  const tier = openPosixTier('ssd', join(dir, 'cache'));
  const place = tier.placeOf(root, rel);
  const path = join(root, rel);
  const prepare = (size: number, hash: string) => {
    writeModel(path, size);
    const temp = join(tier.partialDir, `${hash}.part`);
    const bytes = writeModel(temp, size);
    const source = { path, root, rel, category: 'loras', fingerprint: fingerprintOf(path) };
    return { publication: { temp, ...place, source, hash, chunks: ['ab', 'cd'], sha256: null }, bytes };
  };
  /** The copy and the proof that lies beside it. */
  const found = () => {
    const proof = existsSync(place.manifestPath) ? parseManifest(readFileSync(place.manifestPath, 'utf8')) : undefined;
    return { proof, fits: proof !== undefined && tier.check(place.path, proof.seal) === 'ok' };
  };
  return { dir, tier, place, prepare, found };
}

describe('a finished file', () => {
  test('comes under its name with a proof that fits and from which the catalog can be rebuilt', async () => {
    const { tier, place, prepare, found } = arrange();
    const { publication, bytes } = prepare(1000, 'one');
    const seal = await publish(publication);
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
    expect(found()).toEqual({
      fits: true,
      proof: { version: 1, source: publication.source, seal, hash: 'one', chunks: 'abcd', sha256: null },
    });
    expect(readdirSync(tier.partialDir)).toEqual([]);
    if (process.platform !== 'win32') expect(statSync(place.path).mode & 0o777).toBe(0o444);
  });

  test('takes the place of an older copy that programs have open', async () => {
    const { place, prepare, found } = arrange();
    await publish(prepare(1000, 'old').publication);
    const { publication, bytes } = prepare(2000, 'new');
    await publish(publication);
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
    expect(found()).toMatchObject({ fits: true, proof: { hash: 'new' } });
  });

  test('is on the disk before it has its name, proof first', async () => {
    const { prepare, place } = arrange();
    const { publication } = prepare(10, 'one');
    const done: string[] = [];
    const names = new Map([
      [publication.temp, 'copy'],
      [`${publication.temp}.seal`, 'proof'],
      [dirname(place.path), "copy's folder"],
      [dirname(place.manifestPath), "proof's folder"],
    ]);
    const opened = new Map<unknown, string>();
    injectFault('openSync', {
      act: (real, [path]) => {
        const fd = real();
        opened.set(fd, names.get(String(path)) ?? String(path));
        return fd;
      },
    });
    injectFault('fsync', {
      act: (real, [fd]) => {
        done.push(`sync ${opened.get(fd)}`);
        return real();
      },
    });
    injectFault('renameSync', {
      act: (real, [from]) => {
        done.push(`name ${names.get(String(from))}`);
        return real();
      },
    });
    await publish(publication);
    const folders = process.platform === 'win32' ? [] : ["sync proof's folder", "sync copy's folder"];
    expect(done.filter((step) => !folders.includes(step))).toEqual(['sync copy', 'sync proof', 'name proof', 'name copy']);
    if (folders.length > 0) expect(done.slice(-3)).toEqual(["sync proof's folder", 'name copy', "sync copy's folder"]);
  });

  test.skipIf(process.platform === 'win32')('shares the fsync of its folder with others, each after its own name', async () => {
    const dir = tempDir();
    const arranged = Array.from({ length: 8 }, (_, index) => arrange(`${index}.safetensors`, dir));
    const publications = arranged.map(({ prepare }, index) => prepare(10, `copy-${index}`).publication);
    const [{ manifestPath = '', path = '' } = {}] = publications;
    const folders = new Map(
      [dirname(manifestPath), dirname(path)].map((folder, index) => [folder, index === 0 ? 'proofs' : 'copies']),
    );
    const done: string[] = [];
    const opened = new Map<unknown, string | undefined>();
    injectFault('openSync', {
      act: (real, [file]) => {
        const fd = real();
        opened.set(fd, folders.get(String(file)));
        return fd;
      },
    });
    injectFault('fsync', {
      when: ([fd]) => opened.get(fd) !== undefined,
      act: (real, [fd]) => {
        done.push(`sync ${opened.get(fd)}`);
        return real();
      },
    });
    injectFault('renameSync', {
      act: (real, [, to]) => {
        done.push(`name ${to}`);
        return real();
      },
    });
    await Promise.all(publications.map(publish));
    for (const { found } of arranged) expect(found().fits).toBe(true);
    for (const publication of publications) {
      const [proof, copy] = [publication.manifestPath, publication.path].map((to) => done.indexOf(`name ${to}`));
      expect(done.slice(proof, copy)).toContain('sync proofs');
      expect(done.slice(copy)).toContain('sync copies');
    }
    expect(done.filter((step) => step.startsWith('sync')).length).toBeLessThanOrEqual(publications.length);
  });

  test('finds its folder removed by an eviction at the last moment, and makes it again', async () => {
    const { place, prepare, found } = arrange();
    const { publication } = prepare(10, 'one');
    for (const target of [place.path, place.manifestPath]) {
      let removed = false;
      injectFault('renameSync', {
        when: (args) => !removed && args[1] === target,
        act: (real) => {
          removed = true;
          rmdirSync(dirname(target));
          return real();
        },
      });
    }
    await publish(publication);
    expect(found().fits).toBe(true);
  });

  test.skipIf(process.platform === 'win32')(
    'is not put through a link into a library, over the model that it is a copy of',
    async () => {
      const { dir, place, prepare } = arrange();
      const { publication } = prepare(10, 'one');
      const model = readFileSync(publication.source.path);
      mkdirSync(dirname(dirname(place.path)), { recursive: true });
      symlinkSync(join(dir, 'models', 'loras'), dirname(place.path));
      await expect(publish(publication)).rejects.toThrow('link');
      expect(readFileSync(publication.source.path).equals(model)).toBe(true);
      expect(statSync(publication.source.path).mode & 0o200).toBe(0o200);
    },
  );
});

test('no folder is made below the mount point of a volume that has left with the file', async () => {
  const dir = tempDir();
  await expect(moveDurably(join(dir, 'partial/a.part'), join(dir, 'files/models/a.safetensors'))).rejects.toThrow('ENOENT');
  expect(readdirSync(dir)).toEqual([]);
});

test.skipIf(process.platform === 'win32')('no folder is made behind a link', async () => {
  const { dir, place, prepare } = arrange();
  const { publication } = prepare(10, 'one');
  mkdirSync(dirname(dirname(dirname(place.path))), { recursive: true });
  symlinkSync(join(dir, 'models'), dirname(dirname(place.path)));
  const deeper = join(dirname(place.path), 'new', 'a.safetensors');
  await expect(publish({ ...publication, path: deeper })).rejects.toThrow('link');
  expect(existsSync(join(dir, 'models', 'loras', 'new'))).toBe(false);
});

describe('whichever call fails, a copy with a proof that fits is whole', () => {
  async function runWithFault(number: number, before: 'nothing' | 'an older copy') {
    const arranged = arrange();
    const { place, prepare } = arranged;
    const old = before === 'nothing' ? null : prepare(1000, 'old');
    if (old) await publish(old.publication);
    const { publication, bytes } = prepare(2000, 'new');
    let call = 0;
    let failed = '';
    const fault = injectFault('any', {
      when: () => true,
      act: (real, args) => {
        call += 1;
        if (call !== number) return real();
        failed = String(args[0]);
        throw systemError('EIO', 'injected');
      },
    });
    let error: unknown = null;
    try {
      await publish(publication);
    } catch (thrown) {
      error = thrown;
    }
    heal(fault);
    const copy = existsSync(place.path) ? readFileSync(place.path) : null;
    return { ...arranged, failed, error, copy, bytes, old: old?.bytes ?? null };
  }

  test.each(['nothing', 'an older copy'] as const)('over %s', async (before) => {
    let number = 1;
    for (; number < 200; number += 1) {
      const { error, failed, copy, bytes, old, found } = await runWithFault(number, before);
      if (failed === '') break;
      const isNew = copy?.equals(bytes) ?? false;
      const isOld = copy !== null && old !== null && copy.equals(old);
      expect(copy === null || isNew || isOld, `call ${number}, ${failed}`).toBe(true);
      if (error === null) expect(isNew && found().fits, `call ${number}, ${failed}`).toBe(true);
      // A proof that fits proves the bytes that stand there.
      if (found().fits) expect(found().proof?.seal.size, `call ${number}, ${failed}`).toBe(copy?.length);
      if (isNew) expect(found().fits, `call ${number}, ${failed}`).toBe(true);
    }
    expect(number).toBeGreaterThan(15);
  });
});

test('an mtime that no utimes call can express is kept all the same, and without `touch` it is the closest there is', async () => {
  const { prepare } = arrange();
  const { publication } = prepare(10, 'one');
  publication.source.fingerprint.mtimeNs = '1700000000123456789';
  const path = process.env['PATH'];
  onTestFinished(() => {
    process.env['PATH'] = path;
  });
  process.env['PATH'] = '';
  const { mtimeNs } = await publish(publication);
  expect(mtimeNs.slice(0, 16)).toBe('1700000000123456');
});
