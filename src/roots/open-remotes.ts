import { existsSync } from 'node:fs';
import { placesIn } from '../remotes/place.ts';
import type { RemoteRoots, RemoteRootsOptions } from './remote-roots.ts';

/** Opens the remote roots; their code is loaded with the first one. Null when the configuration names none. */
export async function openRemotes(options: RemoteRootsOptions): Promise<RemoteRoots | null> {
  const { remotes, stateDir } = options;
  // Placeholders of former remotes leave.
  if (remotes.length === 0 && !existsSync(placesIn(stateDir))) return null;
  const { RemoteRoots } = await import('./remote-roots.ts');
  const opened = new RemoteRoots(options);
  await opened.open();
  return remotes.length > 0 ? opened : null;
}
