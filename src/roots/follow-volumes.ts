import { onVolumesTold } from '../media/read-volumes.ts';
import { readerOf } from '../sources/pool.ts';
import { relearnRoot } from './register.ts';
import type { Roots } from './registry.ts';
import type { RootKeeper } from './root-keeper.ts';

/**
 * Learns anew what the roots lie on whenever the system has told more of its volumes. A root that another reader reads then is walked
 * again, and watched if it is local.
 * @returns a function that ends this
 */
export function followVolumes(roots: Roots, keeper: Pick<RootKeeper, 'scan'>, onTold = onVolumesTold): () => void {
  return onTold(() => {
    for (const root of roots.list()) {
      const before = readerOf(root);
      const learn = async () => {
        await relearnRoot(root, roots);
        if (readerOf(root) !== before) await keeper.scan(root);
      };
      // The next check of the roots tells what is wrong with it.
      learn().catch(() => {});
    }
  });
}
