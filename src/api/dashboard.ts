import type { TierName } from '../core/types.ts';
import type { LibraryState } from '../core/vocabulary.ts';
import type { EventMap } from './event-map.ts';

/** Requests and answers that only the dashboard uses. */

/** A browser that is signed in. */
export interface SignInView {
  id: number;
  /** Name that the browser gives itself. */
  browser: string;
  createdAt: string;
  usedAt: string;
  /** True for the browser that sent this request. */
  current: boolean;
}

/** An event of the last ones; newest first in `GET /api/events/recent`. */
export interface RecentEvent {
  name: keyof EventMap;
  data: EventMap[keyof EventMap];
  at: string;
}

/** A recent event for people: one line, and its kind. `GET /api/events/told` */
export interface ToldEvent {
  /** Counts the events of this daemon. */
  number: number;
  at: string;
  /** Path of the file or folder concerned. */
  path: string | null;
  text: string;
  kind: string;
  /** True when a person should look at it. */
  trouble: boolean;
}

export interface ToldEvents {
  /** All kinds of events. */
  kinds: string[];
  /** Newest first. */
  events: ToldEvent[];
}

/** Bytes copied in each span of `everyMs`, the oldest first; the last span is not over yet. `GET /api/jobs/throughput` */
export interface Throughput {
  everyMs: number;
  bytes: number[];
}

export const librarySorts = ['name', 'category', 'folder', 'size', 'state', 'uses', 'lastUsed'] as const;
export type LibrarySort = (typeof librarySorts)[number];

/** Query of `GET /api/library`. A file fits if it matches one item of each given list. */
export interface LibraryQuery {
  /** Words in the name or the path, in any case. */
  search?: string;
  category?: string[];
  root?: string[];
  tier?: TierName[];
  state?: LibraryState[];
  pinned?: boolean;
  sort?: LibrarySort;
  descending?: boolean;
  limit?: number;
  offset?: number;
}

/** A model file on a source, asked for or not. */
export interface LibraryFile {
  /** Null when no program has asked for it yet. */
  id: number | null;
  path: string;
  root: string;
  /** Path below the root. */
  name: string;
  category: string | null;
  size: number;
  state: LibraryState;
  /** The state for people. */
  word: string;
  why: string;
  /** Tiers with a copy in service, the fastest first. */
  tiers: TierName[];
  uses: number;
  /** ISO 8601, null = never used. */
  lastUsedAt: string | null;
  pinned: boolean;
}

/** Files with something in common, of the whole library. */
export interface LibraryShare {
  name: string;
  files: number;
  /** Bytes of the sources. */
  bytes: number;
  /** Files with a copy in service, and the bytes of these copies. */
  cached: number;
  cachedBytes: number;
}

export interface LibraryAnswer {
  /** Number of files that fit the query, and their bytes. */
  total: number;
  bytes: number;
  files: LibraryFile[];
  /** Number of files in the whole library. A file without a category counts under ''. */
  all: number;
  categories: LibraryShare[];
  folders: LibraryShare[];
  states: { name: LibraryState; files: number }[];
}
