import type { RootView } from '../api/api.ts';
import type { Remote } from '../core/remote.ts';
import type { Medium } from '../core/types.ts';
import type { MediumFacts } from '../media/medium.ts';
import type { PathRules } from '../media/paths.ts';

/** A directory of sources. The objects are shared: all holders see facts learned later. */
export interface Root {
  /** Absolute, normalised, without a trailing separator. */
  readonly path: string;
  /** The remote of its sources; then the directory holds only placeholders. Null = the sources are in the directory. */
  readonly remote: Remote | null;
  kind: Medium;
  kindFrom: RootView['kindFrom'];
  /** ComfyUI's categories for its files; empty = the first folder below the root names the category. */
  categories: string[];
  readonly origin: RootView['origin'];
  /** The disk or share; null = unknown. */
  device: string | null;
  fileSystem: string | null;
  /** The path with its local symbolic links followed; null = not yet looked up. */
  resolved: string | null;
  /** A folder that ComfyUI uses only if it exists: its absence is no outage. */
  optional: boolean;
}

/** The place of a file among the roots. */
export interface Located {
  root: Root;
  /** The file's absolute path, normalised, with the alias of its root replaced, in the spelling that counts if case is ignored. */
  path: string;
  /** Path below the root, with the platform's separators. */
  rel: string;
  category: string | null;
  /** The known medium of the file itself: a link in the root may lead to another disk. */
  medium: Medium;
  /** The disk or share of that; null = unknown. */
  device: string | null;
}

/** The known roots, for reading sources. All answers are lexical: no file is touched. */
export interface RootIndex {
  readonly rules: PathRules;
  list(): Root[];
  /** The longest root that contains the absolute path; null when none does. */
  find(path: string): Located | null;
  /** Whether a file of this root keeps its inode number, under every spelling of its name and over remounts. */
  hasStableInodes(root: Root): boolean;
  /** Stores the detected facts of a root's medium; a kind set by the user stays. */
  learn(root: Root, facts: MediumFacts): void;
  /** The same for a file or a directory in a root, which may be a link to another disk. */
  learnPart(path: string, facts: MediumFacts): void;
}
