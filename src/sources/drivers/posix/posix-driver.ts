import type { DriverTraits, SourceDriver } from '../../driver.ts';
import { openSource } from './open-source.ts';

/** Reads under way at once. A mount that takes 10 ms a request gives a hundred of them a second to one who asks one by one. */
const networkReads = 16;

/** Sources that are files of a mounted file system, on a disk of this machine or behind a network. */
export function posixDriver({ network }: Pick<DriverTraits, 'network'>): SourceDriver {
  const traits: DriverTraits = { network, readsInFlight: network ? networkReads : 1 };
  return {
    traits,
    open: async (file) => openSource(file, traits),
  };
}
