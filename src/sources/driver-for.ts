import type { Remote } from '../core/remote.ts';
import type { SourceDriver } from './driver.ts';
import { type PosixRoot, posixDriver } from './drivers/posix/posix-driver.ts';

/** The facts of a root that its driver needs. */
export interface RootPlace extends PosixRoot {
  /** The remote of its sources, if the root is a directory of placeholders. */
  remote?: Remote | null | undefined;
}

/** The drivers of this process by remote: each keeps connections, and the learned speed of its remote. */
const remoteDrivers = new Map<string, Promise<SourceDriver>>();

/** The driver for the sources below a root. The code that reads a remote is loaded with the first one. @throws CacheError */
export async function driverFor({ remote, ...place }: RootPlace): Promise<SourceDriver> {
  if (!remote) return posixDriver(place);
  const key = JSON.stringify([place.root, remote]);
  const known = remoteDrivers.get(key);
  if (known) return known;
  const opening = import('./drivers/remote/open-remote.ts').then(({ openRemote }) => openRemote(place.root, remote));
  opening.catch(() => remoteDrivers.delete(key));
  remoteDrivers.set(key, opening);
  return opening;
}
