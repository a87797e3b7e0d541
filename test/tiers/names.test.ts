import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { nameWith } from '../../src/tiers/names.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { createRig } from '../helpers/rig.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const ending = '.safetensors';
const ascii = (bytes: number) => 'n'.repeat(bytes - ending.length) + ending;
/** Three bytes each, and what is left in ASCII. */
const multiByte = (bytes: number) =>
  '模'.repeat(Math.floor((bytes - ending.length) / 3)) + 'n'.repeat((bytes - ending.length) % 3) + ending;

describe.skipIf(process.platform === 'win32')('a model whose name', () => {
  test.each([
    ['has 250 bytes', ascii(250)],
    ['has 251 bytes', ascii(251)],
    ['has 255 bytes', ascii(255)],
    ['has 255 bytes in three alphabets', multiByte(255)],
  ])('%s is copied under it, found after the catalog was lost, and leaves with its proof', async (_what, name) => {
    const rig = createRig({ workers: 'inline' });
    const { path, bytes } = rig.source(join('loras', name), 1000);
    expect((await rig.copy(path)).error).toBeNull();
    const place = rig.tier.placeOf(rig.root, join('loras', name));
    expect(basename(place.path)).toBe(name);
    expect(Buffer.byteLength(basename(place.manifestPath))).toBeLessThanOrEqual(255);
    expect(readFileSync(place.path).equals(bytes)).toBe(true);

    await rig.close();
    rmSync(join(rig.dir, 'catalog.db'));
    const next = createRig({ dir: rig.dir });
    expect(await reconcile(next)).toMatchObject({ adopted: 1 });
    const [copy] = next.catalog.copies.inState('ready');
    const entry = copy && next.catalog.entries.byId(copy.entryId);
    if (!copy || !entry) throw new Error('it was not adopted');
    expect(entry.path).toBe(path);
    await next.evictor.evict(copy, entry, 'purge');
    expect([existsSync(place.path), existsSync(place.manifestPath)]).toEqual([false, false]);
  });

  test('has 255 bytes is compressed, and two that begin alike have a place each', () => {
    const { tiers, root } = createRig({ extra: ['cold'] });
    const [one, other] = [`a${ascii(254)}`, `b${ascii(254)}`].map((name) => tiers.require('cold').placeOf(root, name));
    const [long, longer] = [`${'n'.repeat(240)}1${'x'.repeat(14)}`, `${'n'.repeat(240)}2${'x'.repeat(14)}`];
    for (const place of [one, other]) expect(Buffer.byteLength(basename(place?.path ?? ''))).toBeLessThanOrEqual(255);
    expect(nameWith(long, '.zst', 255)).not.toBe(nameWith(longer, '.zst', 255));
    expect(nameWith(long, '.zst', 255).endsWith('.zst')).toBe(true);
  });

  test('is too long for the cache disk, as eCryptfs has it, is refused before a byte is read', async () => {
    const tooLong = injectFault('lstatSync', {
      when: ([path]) => Buffer.byteLength(basename(String(path))) > 143,
      act: () => {
        throw systemError('ENAMETOOLONG');
      },
    });
    const rig = createRig({ workers: 'inline' });
    const { path } = rig.source(join('loras', ascii(144)), 1000);
    const file = rig.file(path);
    rmSync(path);
    const job = rig.copier.request({ file, priority: 'warm', medium: 'hdd' });
    await job.ended;
    // It was not even opened: that it is gone was not noticed.
    expect(job.error).toMatchObject({ code: 'BAD_REQUEST', message: expect.stringContaining('144 bytes') });
    expect(tooLong.fired).toBeTruthy();
    const fits = rig.source(join('loras', ascii(143)), 1000);
    expect((await rig.copy(fits.path)).error).toBeNull();
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });
});
