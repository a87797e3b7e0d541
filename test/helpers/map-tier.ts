import { join } from 'node:path';
import { CacheError } from '../../src/core/errors.ts';
import { tierTraits } from '../../src/core/tier-traits.ts';
import type { Seal, TierName } from '../../src/core/types.ts';
import { fitsSeal, type Manifest } from '../../src/tiers/manifest.ts';
import { mirrorPath } from '../../src/tiers/mirror.ts';
import type { Tier } from '../../src/tiers/tier.ts';

/** Value under a name of the store: an object, or something else. */
type Stored = { bytes: Buffer; seal: Seal } | 'no object';

/** Objects by name, as in an object store: there are no folders, and only a name leads to an object. */
export class ObjectStore {
  readonly #objects = new Map<string, Stored>();
  #revision = 0;

  get(name: string): Stored | undefined {
    return this.#objects.get(name);
  }

  put(name: string, bytes: Buffer | 'no object'): Seal {
    this.#revision += 1;
    const seal = { size: bytes.length, mtimeNs: '1700000000000000000', ino: String(this.#revision) };
    this.#objects.set(name, bytes === 'no object' ? bytes : { bytes, seal });
    return seal;
  }

  delete(name: string): void {
    this.#objects.delete(name);
  }

  rename(from: string, to: string): void {
    const object = this.#objects.get(from);
    if (object) this.#objects.set(to, object);
    this.#objects.delete(from);
  }

  get size(): number {
    return this.#objects.size;
  }
}

const marker = '.autocached';

/** A tier without a directory: its copies are objects of a store. */
export function openMapTier(name: TierName, store: ObjectStore, partialDir: string): Tier {
  if (store.size > 0 && !store.get(marker)) throw new CacheError('BAD_CONFIG', 'the store holds objects that are not ours');
  store.put(marker, Buffer.of());
  let lastLeaving = 0;
  const manifestPathOf = (copyPath: string) => copyPath.replace(/^files/, 'seals');
  const isPlace = (path: string) => path.startsWith(join('files', '/'));
  const manifestAt = (path: string): Manifest | undefined => {
    const object = store.get(path);
    return typeof object === 'object' ? (JSON.parse(object.bytes.toString()) as Manifest) : undefined;
  };

  return {
    name,
    partialDir,
    state: () => 'here',
    placeOf(root, rel) {
      const path = join('files', mirrorPath(root, rel) + tierTraits[name].suffix);
      return { path, manifestPath: manifestPathOf(path) };
    },
    manifestPathOf,
    capacity: () => ({ size: 1e9, free: 1e9 }),
    check(path, seal) {
      if (!isPlace(path)) return 'elsewhere';
      const object = store.get(path);
      if (typeof object !== 'object') return 'gone';
      const { size, mtimeNs, ino } = object.seal;
      return fitsSeal({ size: BigInt(size), mtimeNs: BigInt(mtimeNs), ino: BigInt(ino) }, seal) ? 'ok' : 'changed';
    },
    manifestOf: async (copyPath) => manifestAt(manifestPathOf(copyPath)),
    async replaceManifest(copyPath, manifest, isWanted) {
      const wanted = isWanted();
      if (wanted) store.put(manifestPathOf(copyPath), Buffer.from(JSON.stringify(manifest)));
      return wanted;
    },
    dropManifest: (copyPath) => store.delete(manifestPathOf(copyPath)),
    openFiles: async () => new Set(),
    leavesLinks: () => false,
    hasForeign: () => false,
    dropLink: () => {},
    takeOut(path) {
      if (!isPlace(path)) throw new Error(`${path} is not a place of this tier`);
      lastLeaving += 1;
      const leaving = `leaving/${lastLeaving}`;
      if (typeof store.get(path) === 'object') store.rename(path, leaving);
      store.delete(manifestPathOf(path));
      return leaving;
    },
    free: async (leaving) => store.delete(leaving),
  };
}
