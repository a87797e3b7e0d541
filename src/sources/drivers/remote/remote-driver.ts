import { CacheError } from '../../../core/errors.ts';
import { isSameFingerprint } from '../../../core/fingerprint.ts';
import type { Fingerprint, SourceFile } from '../../../core/types.ts';
import type { DriverTraits, OpenOptions, OpenSource, RootFacts, SourceDriver, StatAnswer } from '../../driver.ts';
import { freeOfCharge, type Meter } from '../../spending.ts';
import { changeMark } from './change-mark.ts';
import { listObjects } from './list-objects.ts';
import { isPlainKey, keyOf } from './object-keys.ts';
import { type ObjectLook, type ObjectStore, publishedOf, type StoredObject } from './object-store.ts';
import { openObject } from './open-object.ts';
import { Pace } from './pace.ts';
import { type Patience, persistent, usualPatience } from './persistence.ts';
import { inWords, RemoteFailure } from './remote-failure.ts';

export interface RemoteRoot {
  /** The directory of the remote's placeholders, which are never read. */
  root: string;
  store: ObjectStore;
  /** A glob that selects listed objects by their paths below the root. Null = all. */
  pattern?: string | null;
  patience?: Patience;
  pace?: Pace;
  /** Bytes of one request. */
  partBytes?: number;
  meter?: Meter;
}

/** `versioned`: a change gives another version, so the first bytes of a copy need not be compared again. */
const traits: DriverTraits = { network: true, readsInFlight: 16, versioned: true };

/** A driver for objects of a remote service. The path of a source below the root is its key. */
export function remoteDriver(options: RemoteRoot): SourceDriver {
  const { root, store, pattern = null, patience = usualPatience, pace = new Pace(), partBytes, meter = freeOfCharge } = options;
  const look = async (path: string, onBusy?: () => void): Promise<ObjectLook> => {
    const key = keyOf(root, path);
    if (key === '') return { is: 'folder' };
    if (!isPlainKey(key)) return { is: 'absent' };
    return persistent(patience, (signal) => store.look(key, signal), onBusy && { onBusy });
  };
  /** Null when the store does not exist. */
  const identify = async (): Promise<RootFacts | null> => {
    try {
      const { objects, folders } = await persistent(patience, (signal) => store.list('', { deep: false, most: 1, signal }));
      return factsOf(store, root, objects.length + folders.length === 0);
    } catch (error) {
      if (error instanceof RemoteFailure && error.kind === 'missing') return null;
      throw error;
    }
  };
  const object = async (path: string, onBusy: () => void): Promise<StoredObject> => {
    const found = await look(path, onBusy);
    if (found.is === 'object') return found.object;
    if (found.is === 'folder') throw new CacheError('BAD_REQUEST', `${path} is a folder`);
    const isThere = (await identify())?.empty === false;
    throw new CacheError(isThere ? 'SOURCE_MISSING' : 'SOURCE_AWAY', `${store.address} has no ${keyOf(root, path)}`);
  };
  return {
    traits,
    stat: (path) => inWords('look', async () => statOf(await look(path), identify)),
    identify: () =>
      inWords('look', async () => {
        const facts = await identify();
        if (facts === null) throw new CacheError('SOURCE_MISSING', `there is no ${store.address}`);
        return facts;
      }),
    list: (directory, request) =>
      inWords('look', () => listObjects({ store, root, pattern, patience }, keyOf(root, directory), request)),
    open: (file, { onHeard = () => {} }: OpenOptions = {}) =>
      inWords('read', async () => {
        const found = await object(file.path, onHeard);
        assertWanted(file, found);
        const isSame = async () => isSameVersion(await object(file.path, onHeard), found);
        return openObject(
          { store, object: found, pace, patience, onHeard, partBytes, meter },
          {
            ...shownOf(file, found),
            traits,
            isSame,
            object: { store: store.address, version: `${keyOf(root, file.path)}\n${found.version}` },
          },
        );
      }),
    published: (path) =>
      inWords('look', async () => {
        const found = await look(path);
        return found.is === 'object' ? publishedOf(found.object) : null;
      }),
    // Every request costs money; copies show the speed.
    probe: async () => null,
    measure: async () => null,
  };
}

async function statOf(found: ObjectLook, identify: () => Promise<RootFacts | null>): Promise<StatAnswer> {
  if (found.is === 'folder') return { is: 'other' };
  if (found.is === 'absent') return { is: 'absent', root: await identify() };
  const { size, mtimeNs, version } = found.object;
  return { is: 'file', size, mtimeNs, ctimeNs: changeMark(version), ino: null };
}

function factsOf(store: ObjectStore, root: string, empty: boolean): RootFacts {
  return { empty, identity: { device: store.address, type: 0, bytes: 1 }, real: root, ignoresCase: false };
}

function shownOf({ path }: SourceFile, { size, mtimeNs, version }: StoredObject): Pick<OpenSource, 'path' | 'fingerprint'> {
  const fingerprint: Fingerprint = { size, mtimeNs: String(mtimeNs), ctimeNs: String(changeMark(version)), ino: null };
  return { path, fingerprint };
}

function assertWanted(file: SourceFile, found: StoredObject): void {
  if (isSameFingerprint(file.fingerprint, shownOf(file, found).fingerprint)) return;
  throw new CacheError('SOURCE_CHANGED', `${file.path} has changed since it was asked for`);
}

function isSameVersion(a: StoredObject, b: StoredObject): boolean {
  return a.version === b.version && a.size === b.size && a.mtimeNs === b.mtimeNs;
}
