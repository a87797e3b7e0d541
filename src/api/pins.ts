import type { EntryView, SelectRequest } from './api.ts';

export interface PinAnswer {
  entries: EntryView[];
  /** Named directories, globs and categories: later files of them are pinned too, or no longer. */
  directories: string[];
  globs: string[];
  categories: string[];
  /** Answer of `unpin`: files that the ended rules meant and that stay pinned, by name or by another rule. */
  kept: EntryView[];
}

/** Rules that pin present and later files. */
export type PinnedAnswer = Pick<PinAnswer, 'directories' | 'globs' | 'categories'>;

export interface PinRequest extends SelectRequest {
  categories?: string[];
}
