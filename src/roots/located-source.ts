import type { Medium } from '../core/types.ts';
import type { Located } from '../sources/root.ts';

/** A file below a root, for lookups. */
export interface LocatedSource {
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
  /** It lies on a remote only: its path is that of a placeholder. */
  isRemote?: boolean;
}

export function flat({ root, path, rel, category, medium }: Located): LocatedSource {
  return { path, root: root.path, rel, category, medium, ...(root.remote && { isRemote: true }) };
}
