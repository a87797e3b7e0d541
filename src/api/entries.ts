import type { TierName } from '../core/types.ts';
import type { EntryView } from './api.ts';

/** Activity of a tier, for one file or for all. */
export interface TierUseView {
  /** Loads that it answered. */
  hits: number;
  evictions: number;
  /** Copies that were not made: no room, or worthier ones would have had to leave. */
  rejected: number;
  /** Loads whose duration programs have reported. */
  loads: number;
  /** Their mean; null before the first. */
  averageLoadMs: number | null;
}

/** An entry as a list shows it. */
export interface ListedEntry extends EntryView {
  /** Whether the shared store has it; left out without a store, and while the content is not known. */
  shared?: boolean;
  /** Activity of each tier for it. */
  use: (TierUseView & { tier: TierName })[];
}

export const entrySorts = ['name', 'size', 'uses', 'lastUsed', 'category'] as const;
export type EntrySort = (typeof entrySorts)[number];

/** Query of `GET /api/cache/entries`; `cached` limits it to entries that have a ready copy. */
export interface EntriesQuery {
  category?: string;
  root?: string;
  glob?: string;
  /** Words in the name or the path, in any case. */
  search?: string;
  cached?: boolean;
  /** Only entries with a ready copy in this tier. */
  tier?: TierName;
  pinned?: boolean;
  sort?: EntrySort;
  descending?: boolean;
  limit?: number;
  offset?: number;
}

export interface EntriesAnswer {
  total: number;
  entries: ListedEntry[];
}

/** Answer of `GET /api/cache/sources`: model files below the roots that no program has asked for yet. */
export interface SourcesAnswer {
  total: number;
  files: Pick<EntryView, 'path' | 'root' | 'name' | 'category' | 'size'>[];
}
