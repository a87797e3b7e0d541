import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { SourceFile } from '../../src/core/types.ts';
import type { Manifest } from '../../src/tiers/manifest.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { heal, injectFault, systemError } from '../helpers/faulty-fs.ts';
import { writeModel } from '../helpers/files.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { nothing } from './arrange.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

/** A copy that the catalog does not know, with its proof: what `adoptProven` looks at. */
async function withUnknownCopy() {
  const rig = createRig({ workers: 'inline' });
  const { path, bytes } = rig.source('loras/a.safetensors', 1000);
  await rig.copy(path);
  const [copy] = rig.catalog.copies.inState('ready');
  rig.catalog.copies.forget(copy?.id ?? 0);
  const place = rig.tier.placeOf(rig.root, 'loras/a.safetensors');
  const proof = JSON.parse(readFileSync(place.manifestPath, 'utf8')) as Manifest;
  return { rig, path, bytes, place, proof };
}

async function expectNotAdopted(rig: Rig) {
  expect(await reconcile(rig)).toEqual(nothing);
  expect(rig.catalog.copies.inState('ready', 'stale')).toEqual([]);
}

describe('a proof that does not prove adopts nothing', () => {
  test.each<[string, (text: string) => string]>([
    ['cut off in the middle', (text) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    ['all zeros, as a power cut leaves it', (text) => '\0'.repeat(text.length)],
    ['of a later version', (text) => text.replace('"version":1', '"version":2')],
  ])('%s: the copy stays where it is, out of service', async (_what, change) => {
    const { rig, place, bytes } = await withUnknownCopy();
    writeFileSync(place.manifestPath, change(readFileSync(place.manifestPath, 'utf8')));
    await expectNotAdopted(rig);
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
  });

  test('of another size, time or inode', async () => {
    const { rig, place, proof } = await withUnknownCopy();
    for (const seal of [{ size: 999 }, { mtimeNs: '1' }, { ino: '1' }]) {
      writeFileSync(place.manifestPath, JSON.stringify({ ...proof, seal: { ...proof.seal, ...seal } }));
      await expectNotAdopted(rig);
    }
  });
});

describe('a proof that names another place is not believed', () => {
  test.each<[string, (source: SourceFile) => Partial<SourceFile>]>([
    ['another root', () => ({ root: '/somewhere/else', path: '/somewhere/else/loras/a.safetensors' })],
    ['another name', ({ root }) => ({ rel: 'loras/b.safetensors', path: join(root, 'loras/b.safetensors') })],
    ['a source that is not the name below the root', ({ root }) => ({ path: join(root, 'loras/b.safetensors') })],
    ['a source outside its root', () => ({ path: '/etc/passwd' })],
    ['a source whose path only ends alike', ({ root, rel }) => ({ path: `${root}/x/${rel}` })],
    ['a way out of the tier', () => ({ rel: '../../../a.safetensors' })],
    ['a name with a NUL', () => ({ rel: 'loras/a\0.safetensors' })],
  ])('%s', async (_what, change) => {
    const { rig, place, proof } = await withUnknownCopy();
    writeModel(join(rig.root, 'loras/b.safetensors'), 1000);
    writeFileSync(place.manifestPath, JSON.stringify({ ...proof, source: { ...proof.source, ...change(proof.source) } }));
    await expectNotAdopted(rig);
    expect(rig.catalog.entries.list({})).toHaveLength(1);
    expect(existsSync(place.path)).toBe(true);
  });

  test('a true proof laid beside another file does not lend it its name', async () => {
    const { rig, place, proof } = await withUnknownCopy();
    const other = rig.tier.placeOf(rig.root, 'loras/b.safetensors');
    writeModel(other.path, 1000);
    const { ino, mtimeNs } = statSync(other.path, { bigint: true });
    const seal = { size: 1000, mtimeNs: String(mtimeNs), ino: String(ino) };
    writeFileSync(other.manifestPath, JSON.stringify({ ...proof, seal }));
    rmSync(place.manifestPath);
    await expectNotAdopted(rig);
  });

  test.skipIf(process.platform === 'win32')('a folder of proofs that is a link is not followed', async () => {
    const { rig, place } = await withUnknownCopy();
    const seals = join(rig.tier.dir, 'seals');
    const away = join(rig.dir, 'away');
    mkdirSync(away);
    writeFileSync(join(away, 'x.json'), readFileSync(place.manifestPath));
    rmSync(place.manifestPath);
    symlinkSync(away, join(seals, 'link'));
    await expectNotAdopted(rig);
    expect(existsSync(join(away, 'x.json'))).toBe(true);
  });
});

describe('tidying', () => {
  test('a proof of ours whose copy is gone goes', async () => {
    const { rig, place } = await withUnknownCopy();
    rmSync(place.path);
    await expectNotAdopted(rig);
    expect(existsSync(place.manifestPath)).toBe(false);
  });

  test('a proof stays when the disk cannot tell whether its copy is there', async () => {
    const { rig, place } = await withUnknownCopy();
    const fault = injectFault('lstatSync', {
      when: ([path]) => path === place.path,
      act: () => {
        throw systemError('EIO');
      },
    });
    await expectNotAdopted(rig);
    expect(existsSync(place.manifestPath)).toBe(true);
    heal(fault);
    expect(await reconcile(rig)).toEqual({ ...nothing, adopted: 1 });
  });

  test('what somebody else keeps in the cache directory stays, byte for byte', async () => {
    const { rig, place } = await withUnknownCopy();
    const { dir } = rig.tier;
    const foreign = [
      join(dir, 'notes.txt'),
      join(dir, 'backup', 'a.safetensors'),
      join(dir, 'files', 'loose.safetensors'),
      join(dirname(place.path), 'unknown.safetensors'),
      join(dirname(place.manifestPath), 'notes.json'),
      join(dir, 'seals', 'settings.json'),
      join(dir, 'seals', 'readme.md'),
      join(dir, 'partial', 'notes.txt'),
    ];
    const bytes = foreign.map((path) => writeModel(path, 50));
    // Looks like a proof, and is of no place here.
    const copied = rig.tier.manifestPathOf(join(dir, 'files', 'moved', 'a.safetensors'));
    mkdirSync(dirname(copied), { recursive: true });
    writeFileSync(copied, readFileSync(place.manifestPath));
    expect(await reconcile(rig)).toEqual({ ...nothing, adopted: 1 });
    for (const [index, path] of foreign.entries())
      expect(readFileSync(path).equals(bytes[index] ?? Buffer.alloc(0))).toBe(true);
    expect(existsSync(copied)).toBe(true);
  });

  test('a cache directory without any proofs yet is in order', async () => {
    expect(await reconcile(createRig())).toEqual(nothing);
  });
});
