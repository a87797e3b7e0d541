import { CacheError } from '../core/errors.ts';
import type { Remote } from '../core/remote.ts';
import type { SourceDriver } from './driver.ts';
import { type PosixRoot, posixDriver } from './drivers/posix/posix-driver.ts';

/** A root as its driver must know it. */
export interface RootPlace extends PosixRoot {
  /** The place its sources are read from, where the root is a directory of placeholders. */
  remote?: Remote | null | undefined;
}

/** The driver for the sources below a root. The code that reads a remote is loaded with the first one. @throws CacheError */
export async function driverFor({ remote, ...place }: RootPlace): Promise<SourceDriver> {
  if (!remote) return posixDriver(place);
  throw new CacheError('SOURCE_AWAY', `${remote.url} cannot be read: there is no driver for ${remote.driver}`);
}
