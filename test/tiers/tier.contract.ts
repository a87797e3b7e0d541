import { basename, dirname, join, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tierTraits } from '../../src/core/tier-traits.ts';
import type { Seal, SourceFile, TierName } from '../../src/core/types.ts';
import type { Tier } from '../../src/tiers/tier.ts';

/** A tier, and what workers and other programs do with what lies in it. */
export interface TierInUse {
  tier: Tier;
  /** Opens the same place again, as the next start of the daemon does. */
  reopen(): Tier;
  /** Publishes a copy as a worker does. */
  publish(source: SourceFile, bytes: Buffer): Promise<Seal>;
  /** What a program reads there; null when there is no file. */
  read(path: string): Buffer | null;
  /** Another program writes a file, removes one, puts something there that is no file, or takes the tier's marker away. */
  write(path: string, bytes: Buffer): void;
  remove(path: string): void;
  obstruct(path: string): void;
  isObstructed(path: string): boolean;
  removeMarker(): void;
}

const root = '/nas/models';
const bytes = Buffer.from('the bytes of a copy');
/** That every publication says its bytes have. */
export const hash = 'xxh128c8:0123';

function sourceAt(rel: string): SourceFile {
  const fingerprint = { size: bytes.length, mtimeNs: '1700000000000000000', ino: null };
  return { path: join(root, rel), root, rel, category: 'loras', fingerprint };
}

/** What every tier promises, wherever its copies lie. */
export function tierContract(what: string, name: TierName, open: () => TierInUse | Promise<TierInUse>): void {
  /** A tier with a copy in it. */
  async function withCopy(rel = join('loras', 'a.safetensors')) {
    const used = await open();
    const source = sourceAt(rel);
    const place = used.tier.placeOf(root, rel);
    const seal = await used.publish(source, bytes);
    return { ...used, ...place, source, seal };
  }

  describe(what, () => {
    test('has the name and the traits of its row', async () => {
      const { tier } = await open();
      expect(tier.name).toBe(name);
      const { path } = tier.placeOf(root, join('loras', 'a.safetensors'));
      expect(basename(path)).toBe(`a.safetensors${tierTraits[name].suffix}`);
    });

    test('keeps the base name and the whole path below the root: loaders look at them', async () => {
      const { tier } = await open();
      const rel = join('loras', 'sub folder', 'Modèle №1 [v2].fp8.safetensors');
      const { path, manifestPath } = tier.placeOf(root, rel);
      expect(path.endsWith(sep + rel + tierTraits[name].suffix)).toBe(true);
      expect(tier.placeOf(root, rel)).toEqual({ path, manifestPath });
      expect(tier.manifestPathOf(path)).toBe(manifestPath);
      expect(dirname(path)).not.toBe(dirname(manifestPath));
    });

    test.each([
      ['of equal names', '/nas/models', '/hdd/models'],
      ['that differ by case', '/nas/Models', '/nas/models'],
      ['whose names become equal when cleaned', '/nas/mo dels', '/nas/mo_dels'],
      ['that are one inside the other', '/nas', '/nas/models'],
      ['of the whole disk and of none', '/', ''],
    ])('two roots %s share no place', async (_what, one, other) => {
      const { tier } = await open();
      expect(tier.placeOf(one, 'a').path).not.toBe(tier.placeOf(other, 'a').path);
    });

    test.each(['..', '../x', '../../../etc/passwd', 'a/../../x', 'a/../../../seals/x', '', '.', 'a/..', 'a\0b'])(
      'a hostile %j names no place',
      async (rel) => {
        const { tier } = await open();
        expect(() => tier.placeOf(root, rel)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
      },
    );

    test('whatever the root and the name are, the place is one of this tier', async () => {
      const { tier } = await open();
      const part = fc.oneof(fc.constantFrom('..', '.', '', '/', '\\', 'a', 'C:', '~', '%2e%2e'), fc.string());
      const path = fc.array(part, { maxLength: 6 }).map((parts) => parts.join('/'));
      const seal = { size: 1, mtimeNs: '1', ino: '1' };
      fc.assert(
        fc.property(path, path, (of, rel) => {
          try {
            expect(tier.check(tier.placeOf(of, rel).path, seal)).toBe('gone');
          } catch (error) {
            expect(error).toMatchObject({ code: 'BAD_REQUEST' });
          }
        }),
      );
    });

    test('a published copy is what was sealed, with a proof that says of what it is', async () => {
      const { tier, path, seal, source, read } = await withCopy();
      expect(read(path)).toEqual(bytes);
      expect(tier.check(path, seal)).toBe('ok');
      expect(await tier.manifestOf(path)).toMatchObject({ source, seal, hash });
    });

    test('it is so after a restart', async () => {
      const { reopen, path, seal } = await withCopy();
      const again = reopen();
      expect(again.check(path, seal)).toBe('ok');
      expect(await again.manifestOf(path)).toMatchObject({ seal });
    });

    test('a newer copy takes its place, and the older one is told apart from it', async () => {
      const { tier, path, seal, source, publish, read } = await withCopy();
      const newer = Buffer.from('the bytes of the next');
      const next = await publish(source, newer);
      expect(read(path)).toEqual(newer);
      expect(tier.check(path, next)).toBe('ok');
      expect(tier.check(path, seal)).toBe('changed');
      expect(await tier.manifestOf(path)).toMatchObject({ seal: next });
    });

    test('a copy that another program wrote is changed, be it to the same bytes', async () => {
      const { tier, path, seal, write } = await withCopy();
      write(path, bytes);
      expect(tier.check(path, seal)).toBe('changed');
    });

    test('a copy that is away is gone, and so is one with something in its place that is no file', async () => {
      const { tier, path, seal, remove, obstruct } = await withCopy();
      remove(path);
      expect(tier.check(path, seal)).toBe('gone');
      obstruct(path);
      expect(tier.check(path, seal)).toBe('gone');
    });

    test('a path of another place is neither checked nor taken out', async () => {
      const { tier, path, manifestPath, seal } = await withCopy();
      for (const other of [join(sep, 'other', 'files', basename(path)), manifestPath]) {
        expect(tier.check(other, seal)).toBe('elsewhere');
        expect(() => tier.takeOut(other)).toThrow('not a place of this tier');
      }
      expect(tier.check(path, seal)).toBe('ok');
      expect(await tier.manifestOf(path)).toBeDefined();
    });

    test('a proof is replaced if it is still wanted when its turn comes', async () => {
      const { tier, path } = await withCopy();
      const old = await tier.manifestOf(path);
      if (!old) throw new Error('the copy has no proof');
      const sha256 = 'ab'.repeat(32);
      expect(await tier.replaceManifest(path, { ...old, sha256 }, () => false)).toBe(false);
      expect(await tier.manifestOf(path)).toEqual(old);
      expect(await tier.replaceManifest(path, { ...old, sha256 }, () => true)).toBe(true);
      expect(await tier.manifestOf(path)).toEqual({ ...old, sha256 });
    });

    test('a copy without its proof stays; to drop a proof that is not there is no error', async () => {
      const { tier, path, seal } = await withCopy();
      tier.dropManifest(path);
      tier.dropManifest(path);
      expect(await tier.manifestOf(path)).toBeUndefined();
      expect(tier.check(path, seal)).toBe('ok');
    });

    test('a copy that is taken out is gone at once, proof and all; its neighbours are not', async () => {
      const { tier, path, seal, publish, read } = await withCopy();
      const neighbour = sourceAt(join('loras', 'b.safetensors'));
      const stays = await publish(neighbour, bytes);
      const leaving = tier.takeOut(path);
      expect(tier.check(path, seal)).toBe('gone');
      expect(await tier.manifestOf(path)).toBeUndefined();
      await tier.free(leaving);
      expect(read(path)).toBeNull();
      expect(read(leaving)).toBeNull();
      expect(tier.check(tier.placeOf(root, neighbour.rel).path, stays)).toBe('ok');
    });

    test('to take out or to free what is not there any more is no error', async () => {
      const { tier, path, remove } = await withCopy();
      remove(path);
      const leaving = tier.takeOut(path);
      expect(await tier.manifestOf(path)).toBeUndefined();
      await tier.free(leaving);
      await tier.free(leaving);
      await tier.free(tier.takeOut(path));
    });

    test('files that are not ours stay, beside a copy and in the place of one', async () => {
      const { tier, path, manifestPath, write, remove, obstruct, isObstructed, read } = await withCopy();
      const foreign = [join(dirname(path), 'readme.txt'), join(dirname(manifestPath), 'readme.txt')];
      for (const file of foreign) write(file, bytes);
      remove(path);
      obstruct(path);
      await tier.free(tier.takeOut(path));
      expect(isObstructed(path)).toBe(true);
      for (const file of foreign) expect(read(file)).toEqual(bytes);
    });

    test('a place that lost its marker is not taken again, and nothing in it is touched', async () => {
      const { reopen, removeMarker, path, read } = await withCopy();
      removeMarker();
      expect(() => reopen()).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }));
      expect(read(path)).toEqual(bytes);
    });

    test('tells how much room there is, bytes', async () => {
      const { tier } = await open();
      const { size, free } = tier.capacity();
      expect(size).toBeGreaterThan(1_000_000);
      expect(free).toBeGreaterThan(0);
      expect(free).toBeLessThanOrEqual(size);
    });

    test('tells of no copy as open that nobody has open', async () => {
      const { tier, path } = await withCopy();
      expect([...(await tier.openFiles())]).not.toContain(path);
    });
  });
}
