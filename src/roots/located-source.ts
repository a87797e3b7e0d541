import type { Medium } from '../core/types.ts';
import type { Located } from '../sources/root.ts';

/** A file below a root, for lookups. */
export interface LocatedSource {
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
}

export function flat({ root, path, rel, category, medium }: Located): LocatedSource {
  return { path, root: root.path, rel, category, medium };
}
