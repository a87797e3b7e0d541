import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Remote } from '../core/remote.ts';

/** The parent directory of all directories of placeholders. */
export function placesIn(stateDir: string): string {
  return join(stateDir, 'remotes');
}

/** An entry of `foldersFile`, by which ComfyUI finds the folders of placeholders, also while no daemon runs. */
export interface RemoteFolder {
  name: string;
  path: string;
  /** Null = its subfolders are named after their categories. */
  category: string | null;
  /** The directory with copies of its files, each at the same relative path. */
  copies: string;
}

/** Name of the file in the parent directory. */
export const foldersFile = 'folders.json';

/**
 * The directory of a remote's placeholders, which is its root. Another bucket or revision under the same name is another root: a file
 * of the same name, size and time there may hold other bytes.
 */
export function placeOf(remote: Remote, stateDir: string): string {
  const identity = createHash('sha256')
    .update(JSON.stringify(identityOf(remote)))
    .digest('hex');
  return join(placesIn(stateDir), `${remote.name}-${identity.slice(0, 8)}`);
}

function identityOf(remote: Remote): unknown[] {
  switch (remote.scheme) {
    case 's3':
      return [remote.scheme, remote.endpoint, remote.bucket, remote.prefix];
    case 'hf':
      return [remote.scheme, remote.repo, remote.revision, remote.prefix];
    case 'civitai':
      return [remote.scheme, remote.id];
    case 'web':
      return [remote.scheme, remote.address];
  }
}

/** An address as people see it, without parameters. */
export function shownAddress({ url }: Remote): string {
  return url.replace(/\?.*$/s, '');
}
