import type { JobView } from '../api/api.ts';
import type { Events } from '../runtime/events.ts';
import type { Library } from './library.ts';
import type { Roots } from './registry.ts';

/** A source that was copied is there, also before a walk has met it: a share is walked every ten minutes. @returns ends that */
export function followCopies(events: Events, { roots, library }: { roots: Roots; library: Library }): () => void {
  return events.subscribe((name, event) => {
    if (name !== 'job-done') return;
    const { path, bytesTotal } = event as JobView;
    const root = roots.find(path)?.root;
    if (root) library.met(root.path, path, bytesTotal);
  });
}
