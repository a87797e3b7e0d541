import type { Settings } from '../catalog/settings.ts';
import { CacheError } from '../core/errors.ts';
import { liesBelow } from '../media/paths.ts';
import type { Log } from '../runtime/log.ts';
import type { Root } from '../sources/root.ts';
import type { FilledDirectories } from './filled-directories.ts';
import type { Library } from './library.ts';
import type { NamedRoots } from './named-roots.ts';
import type { Roots } from './registry.ts';

export interface ForgetDeps {
  roots: Roots;
  named: NamedRoots;
  library: Library;
  filled: FilledDirectories;
  settings: Settings;
  log: Log;
}

/**
 * Forgets gone roots that programs registered, also over restarts, by any of their names. Volumes found behind links in them are
 * forgotten too. Their copies stay.
 * @returns the paths of all forgotten roots
 * @throws CacheError NOT_FOUND, or BAD_REQUEST for roots that the settings name; then none is forgotten
 */
export function forgetRoots(paths: readonly string[], { roots, named, library, filled, settings, log }: ForgetDeps): string[] {
  const asked = paths.map((path) => {
    const root = roots.at(path);
    if (!root)
      throw new CacheError('NOT_FOUND', `${path} is no model folder`, { hint: '`autocached status` shows the folders.' });
    if (root.remote) {
      throw new CacheError('BAD_REQUEST', `the settings name ${path}`, { hint: 'remove it from AUTOCACHE_REMOTES' });
    }
    if (named.names(root.path)) {
      throw new CacheError('BAD_REQUEST', `the settings name ${path}`, {
        hint: 'remove it from AUTOCACHE_ROOTS or from the yaml file of ComfyUI',
      });
    }
    return root;
  });
  const saved = settings.savedRoots().map(({ path }) => ({ path, root: roots.at(path) }));
  const isWanted = (root: Root) => named.names(root.path) || saved.some((one) => one.root === root);
  const found = roots
    .list()
    .filter((root) => !isWanted(root) && asked.some(({ path }) => liesBelow(root.path, path, roots.rules)));
  const forgotten = [...new Set([...asked, ...found])];
  for (const { path, root } of saved) if (root && forgotten.includes(root)) settings.forgetRoot(path);
  for (const root of forgotten) {
    roots.remove(root);
    for (const one of [named, library, filled]) one.forget(root.path);
    log.info({ path: root.path }, 'root forgotten');
  }
  return forgotten.map(({ path }) => path);
}
