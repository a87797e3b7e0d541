import type { JobView } from '../api/api.ts';
import type { Events } from '../runtime/events.ts';
import type { Library } from './library.ts';
import type { Roots } from './registry.ts';

/** Adds copied sources to the library before a walk finds them: a share is walked every ten minutes. @returns a function that ends this */
export function followCopies(events: Events, { roots, library }: { roots: Roots; library: Library }): () => void {
  return events.subscribe((name, event) => {
    if (name !== 'job-done') return;
    const { path, bytesTotal } = event as JobView;
    const root = roots.find(path)?.root;
    if (root) library.met(root.path, path, bytesTotal);
  });
}
