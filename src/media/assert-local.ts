import { CacheError } from '../core/errors.ts';
import { detectMedium, isNetwork, type MediumFacts } from './medium.ts';

/**
 * SQLite's log and locks do not work over a network, and a cache there would be no faster than its sources.
 * @returns the facts of its disk @throws CacheError BAD_CONFIG
 */
export async function assertLocal(dir: string, key: string): Promise<MediumFacts> {
  const facts = await detectMedium(dir);
  const { kind, fileSystem } = facts;
  if (!isNetwork(kind)) return facts;
  throw new CacheError('BAD_CONFIG', `${key}: ${dir} is on a network file system (${fileSystem ?? kind})`, {
    hint: `Set ${key} to a directory on a disk of this machine.`,
  });
}
