import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TierName } from '../../src/core/types.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { publish } from '../../src/tiers/publish.ts';
import type { PosixTier, Tier } from '../../src/tiers/tier.ts';
import { ObjectStore, openMapTier } from '../helpers/map-tier.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { hash, type TierInUse } from './tier.contract.ts';

/** A tier of files in a directory of its own. */
export function inDirectory(name: TierName): TierInUse & { tier: PosixTier } {
  const dir = join(tempDir(), 'cache');
  const tier = openPosixTier(name, dir);
  const write = (path: string, bytes: Buffer) => {
    rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  };
  return {
    tier,
    reopen: () => openPosixTier(name, dir),
    async publish(source, bytes) {
      const temp = join(tier.partialDir, '1.part');
      write(temp, bytes);
      return publish({ temp, ...tier.placeOf(source.root, source.rel), source, hash, chunks: ['ab'], sha256: null });
    },
    read: (path) => (statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : null),
    write,
    remove: (path) => rmSync(path),
    obstruct: (path) => write(join(path, 'kept'), Buffer.from('mine')),
    isObstructed: (path) => existsSync(join(path, 'kept')),
    removeMarker: () => rmSync(join(dir, '.autocached')),
  };
}

/** A tier whose copies are objects of a store. */
export function inStore(name: TierName): TierInUse {
  const store = new ObjectStore();
  const reopen = (): Tier => openMapTier(name, store, tempDir());
  const tier = reopen();
  return {
    tier,
    reopen,
    async publish(source, bytes) {
      const { path, manifestPath } = tier.placeOf(source.root, source.rel);
      const seal = store.put(path, bytes);
      const manifest = { version: 1, source, seal, hash, chunks: 'ab', sha256: null };
      store.put(manifestPath, Buffer.from(JSON.stringify(manifest)));
      return seal;
    },
    read(path) {
      const object = store.get(path);
      return typeof object === 'object' ? object.bytes : null;
    },
    write: (path, bytes) => store.put(path, bytes),
    remove: (path) => store.delete(path),
    obstruct: (path) => store.put(path, 'no object'),
    isObstructed: (path) => store.get(path) === 'no object',
    removeMarker: () => store.delete('.autocached'),
  };
}
