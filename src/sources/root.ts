import type { RootView } from '../api/api.ts';
import type { Medium } from '../core/types.ts';
import type { MediumFacts } from '../media/medium.ts';
import type { PathRules } from '../media/paths.ts';

/** A directory of sources. The objects are shared: what is learned of a root later is seen by all who hold it. */
export interface Root {
  /** Absolute, normalised, without a trailing separator. */
  readonly path: string;
  kind: Medium;
  kindFrom: RootView['kindFrom'];
  /** What the files below it are for ComfyUI; empty = the first folder below the root says it. */
  categories: string[];
  readonly origin: RootView['origin'];
  /** The disk or share; null = not known. */
  device: string | null;
  fileSystem: string | null;
  /** The path with its local symbolic links followed; null = not looked at yet. */
  resolved: string | null;
  /** One of the folders that ComfyUI looks into when they exist: that it is absent is no outage. */
  optional: boolean;
}

/** Where a file lies among the roots. */
export interface Located {
  root: Root;
  /** The file's absolute path, normalised, with the alias of its root replaced. */
  path: string;
  /** Path below the root, with the platform's separators. */
  rel: string;
  category: string | null;
}

/** The known roots, as far as reading sources needs them. All answers are lexical: no file is touched. */
export interface RootIndex {
  readonly rules: PathRules;
  list(): Root[];
  /** The longest root that contains the absolute path; null when none does. */
  find(path: string): Located | null;
  /** Takes over what was found out of a root's medium; a kind that the user has said stays. */
  learn(root: Root, facts: MediumFacts): void;
}
