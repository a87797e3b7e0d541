import { CacheError } from '../core/errors.ts';
import { detectMedium, isNetwork } from './medium.ts';

/**
 * SQLite's log and locks do not work over a network, and a cache there would be no faster than its sources.
 * @throws CacheError BAD_CONFIG
 */
export async function assertLocal(dir: string, key: string): Promise<void> {
  const { kind, fileSystem } = await detectMedium(dir);
  if (!isNetwork(kind)) return;
  throw new CacheError('BAD_CONFIG', `${key}: ${dir} is on a network file system (${fileSystem ?? kind})`, {
    hint: `Set ${key} to a directory on a disk of this machine.`,
  });
}
