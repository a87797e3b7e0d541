import type { Medium } from '../core/types.ts';
import type { Located } from '../sources/root.ts';
import type { Roots } from './registry.ts';

/** A file below a root, for lookups. */
export interface LocatedSource {
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
  /** The file is only on a remote: its path is that of a placeholder. */
  isRemote?: boolean;
}

export function flat({ root, path, rel, category, medium }: Located): LocatedSource {
  return { path, root: root.path, rel, category, medium, ...(root.remote && { isRemote: true }) };
}

/** A directory in the spelling of the roots: a root, by any of its names, or a directory with roots in it; null = neither. */
export function spelled(directory: string, roots: Roots): string | null {
  const { rules } = roots;
  const key = rules.key(rules.normalise(directory) ?? directory);
  const root = roots.at(directory);
  if (root) return root.path;
  for (const { path } of roots.list()) {
    for (let inner = path, outer = rules.dirname(inner); outer !== inner; inner = outer, outer = rules.dirname(inner))
      if (rules.key(outer) === key) return outer;
  }
  return null;
}
