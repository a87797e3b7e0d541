import type { RootsRequest } from '../api/api.ts';
import type { Settings } from '../catalog/settings.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { RootSpec } from './registry.ts';

/** Maximum number of folders in one request. No ComfyUI has as many; each is checked, and watched from then on. */
const mostRoots = 1000;

export interface RegisterRootsDeps {
  /** @throws CacheError when it cannot be a root */
  add(spec: RootSpec): Promise<void>;
  settings: Pick<Settings, 'saveRoot'>;
  log: Log;
}

/**
 * Adds roots named by a program, and keeps them over restarts.
 * @throws CacheError BAD_REQUEST when they are too many, or none of them can be a root.
 */
export async function registerRoots({ roots, origin = 'api' }: RootsRequest, { add, settings, log }: RegisterRootsDeps) {
  const refused: CacheError[] = [];
  const once = new Map(roots.map((root) => [JSON.stringify(root), root]));
  if (once.size > mostRoots) throw new CacheError('BAD_REQUEST', `roots: must not name more than ${mostRoots} folders at once`);
  for (const { path, category = null, kind = null } of once.values()) {
    try {
      // ComfyUI names every folder that it would search; a folder that never existed is no outage.
      await add({ path, category, kind, origin, optional: origin === 'comfyui' });
      settings.saveRoot({ path, category, kind, origin });
    } catch (error) {
      refused.push(toCacheError(error));
      log.warn({ path, why: toCacheError(error).message }, 'root refused');
    }
  }
  const [first] = refused;
  if (first && refused.length === once.size) throw new CacheError('BAD_REQUEST', first.message, { hint: first.hint ?? '' });
}
