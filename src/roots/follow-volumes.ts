import { onVolumesTold } from '../media/read-volumes.ts';
import { readerOf } from '../sources/pool.ts';
import { relearnRoot } from './register.ts';
import type { Roots } from './registry.ts';
import type { RootKeeper } from './root-keeper.ts';

/**
 * Detects the media of the roots again whenever the system has listed more volumes. A root that gets another reader is walked
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
      // The next check of the roots reports the fault.
      learn().catch(() => {});
    }
  });
}
