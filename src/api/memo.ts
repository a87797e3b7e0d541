/** The plane of results on the wire: requests and answers of `/api/memo/` (docs/MEMO.md). */

import type { ConfigValue } from './api.ts';
import type { MemoComparisons } from './memo-comfyui.ts';

/** What a result is: a JSON value, bytes, named files, or a JSON value with blobs in it. */
export type MemoKind = 'json' | 'bytes' | 'files' | 'doc';

export const memoSorts = ['bytes', 'age', 'hits', 'used', 'cost'] as const;
export type MemoSort = (typeof memoSorts)[number];

/** Where a result was found: in memory, on the disk, in Redis, or with another asker's computation. */
export type MemoLayer = 'ram' | 'disk' | 'redis' | 'computation';

/** Why a result was not stored. Closed list; programs rely on the words. */
export type MemoRefusal =
  | 'NOT_WORTH'
  | 'NO_SPACE'
  | 'TOO_LARGE'
  | 'READ_ONLY'
  | 'OFF'
  | 'DISAGREES'
  | 'NEGATIVE'
  | 'INVALIDATED';

export interface MemoFile {
  name: string;
  sha256: string;
  size: number;
  contentType?: string;
  /** Where it can be opened on this machine. */
  path: string;
}

export type MemoBlob = Pick<MemoFile, 'sha256' | 'size' | 'path'>;

/** Found, and not: `stale` is served while somebody computes it anew. */
export interface MemoFound {
  state: 'hit' | 'stale' | 'miss';
  key: string;
  kind?: MemoKind;
  value?: unknown;
  path?: string;
  sha256?: string;
  size?: number;
  contentType?: string;
  files?: MemoFile[];
  /** Of a `doc`. */
  blobs?: MemoBlob[];
  ageMs?: number;
  /** It is the result of a text in other words. */
  similar?: MemoLikeness;
}

/** Part of a hit with the result of another text. */
export interface MemoLikeness {
  /** Of that text. */
  key: string;
  /** Cosine of the angle between the vectors of both; 1 for equal normalised texts. */
  similarity: number;
  by: 'normalised' | 'verified' | 'threshold';
}

/** Answer of `POST /api/memo/similar`, the nearest first. */
export interface MemoSimilarAnswer {
  similar: { key: string; similarity: number; sameWords: boolean; ageMs: number; label: string | null }[];
}

export interface MemoPutAnswer {
  stored: boolean;
  reason?: MemoRefusal;
  key: string;
}

/** A file for a program to fill. */
export interface MemoStaged {
  /** Its name, for the request that stores it. */
  staged: string;
  path: string;
}

export interface MemoRemoval {
  /** Entries that were, or with `dryRun` would be, removed. */
  removed: number;
  bytes: number;
}

export interface MemoInvalidateRequest {
  ns?: string;
  keys?: string[];
  tags?: string[];
  deps?: string[];
  all?: true;
  olderThanMs?: number;
  largerThan?: number;
  dryRun?: boolean;
}

export interface MemoEntryView {
  ns: string;
  key: string;
  kind: MemoKind;
  bytes: number;
  costMs: number | null;
  ageMs: number;
  /** Ms until it is stale, and until it is gone; null = never. */
  freshForMs: number | null;
  endsInMs: number | null;
  hits: number;
  lastHitAt: number | null;
  tags: string[];
  label: string | null;
}

export interface MemoEntriesAnswer {
  total: number;
  entries: MemoEntryView[];
}

export interface MemoConfigAnswer {
  max_items: number;
  max_memory_mb: number;
  settings: ConfigValue[];
}

export interface MemoWarmItem {
  ns: string;
  key: string;
  /** `stored`: it was missing, and came with its result; `queued`: ComfyUI runs it when it has nothing else to do. */
  state: 'hit' | 'stale' | 'miss' | 'stored' | 'queued';
  reason?: MemoRefusal;
  /** Why its address could not be read, or its prompt is not run ahead of time. */
  error?: string;
}

export interface MemoWarmAnswer {
  items: MemoWarmItem[];
}

export interface MemoNamespaceView {
  name: string;
  version: string;
  epoch: number;
  items: number;
  bytes: number;
  totals: MemoTotals;
  /** What it sets itself; what is left out is as in the settings. */
  settings: MemoNamespaceSettings;
}

/** Times of a namespace in ms, and its limits within those of all results; what is left out is as in the settings of the daemon. */
export interface MemoNamespaceSettings {
  maxItems?: number;
  /** Of values; a blob counts for each result that has it. */
  maxBytes?: number;
  /** Null = without end. */
  ttlMs?: number | null;
  staleMs?: number;
  /** Time of results that the caller marks as negative; left out = these are not stored. */
  negativeTtlMs?: number;
  /** Left out = texts are compared exactly. */
  semantic?: MemoSemantic;
}

/** What may differ between two texts that have one result. */
export const memoNormaliseRules = ['case', 'space', 'punctuation'] as const;
export type MemoNormaliseRule = (typeof memoNormaliseRules)[number];

/** How texts of a namespace are compared. */
export interface MemoSemantic {
  /**
   * `normalise`: equal but for `normalise`. `suggest`: similar ones are told by `/api/memo/similar`, never served. `verified`: also the same
   * words in the same order, once enough was judged. `threshold`: whatever is as near as `threshold`, right or wrong.
   */
  mode: 'normalise' | 'suggest' | 'verified' | 'threshold';
  /** What may differ in every mode but `suggest`; left out = all of it with `normalise`, and nothing with the others. */
  normalise?: MemoNormaliseRule[];
  /** Share of all answers that `verified` may give wrong. */
  wrong?: number;
  /** Of `threshold`, cosine. */
  threshold?: number;
  acceptWrongAnswers?: true;
}

/** What has happened, since the first start. */
export interface MemoTotals {
  hits: number;
  stale: number;
  misses: number;
  /** Answers that came from a computation of another asker. */
  coalesced: number;
  stores: number;
  rejected: number;
  evictions: number;
  disagreements: number;
  /** Hits with the result of a text in other words. */
  alike: number;
  bytesIn: number;
  bytesOut: number;
  secondsSaved: number;
}

/** The Redis that machines share results in. Numbers count since the daemon was started. */
export interface MemoSharedStats {
  /** `away`: it is left out until it answers again. */
  state: 'connecting' | 'up' | 'away';
  /** In words; null unless it is away. */
  why: string | null;
  hits: number;
  misses: number;
  /** Not asked: it was away, or had still to be told of a change. */
  skipped: number;
  /** Asked, and no answer came in time. */
  failed: number;
  /** Values that were not what they must be, and were removed there. */
  damaged: number;
  /** Values written, removed, and not taken by Redis. */
  stored: number;
  removed: number;
  refused: number;
  /** Changes that it has still to be told of. */
  owed: number;
}

/** What Redis would answer for a key; `unknown` while it is not asked. */
export interface MemoSharedExplanation {
  state: 'hit' | 'stale' | 'miss' | 'unknown';
  why: string;
}

/** Answer of `GET /api/cache/stats?plane=memo`. */
export interface MemoStats extends MemoTotals {
  hit_rate: string;
  current_items: number;
  current_memory_mb: number;
  max_items: number;
  max_memory_mb: number;
  memory_utilization: string;
  mode: MemoMode;
  state: 'here' | 'read-only' | 'away';
  bytes: number;
  limit: number;
  reserved: number;
  blobs: number;
  /** Hits since the daemon was started. */
  layers: Record<MemoLayer, number>;
  /** Null where results are not shared with other machines. */
  shared: MemoSharedStats | null;
  /** What lies in the daemon's memory. */
  ram: { items: number; bytes: number; limit: number };
  computing: number;
  waiting: number;
  comparisons: MemoComparisons;
}

export const memoModes = ['on', 'read-only', 'off'] as const;
export type MemoMode = (typeof memoModes)[number];

export interface MemoExplainAnswer {
  ns: string;
  key: string;
  state: 'hit' | 'stale' | 'miss';
  /** In a sentence. */
  why: string;
  entry: MemoEntryView | null;
  /** Null where results are not shared with other machines. */
  shared: MemoSharedExplanation | null;
  /** How its text is compared with others, and how often it was right for one of these; null when it has none, or it is not compared. */
  compared: { mode: MemoSemantic['mode']; judged: number; right: number } | null;
  deps: { dep: string; state: 'same' | 'changed' | 'unknown' }[];
  blobs: { sha256: string; size: number; sound: boolean; path: string }[];
  /** How many others leave before it; null when it is not kept. */
  leavesAfter: number | null;
}

export interface MemoVerifyAnswer {
  checked: number;
  bytes: number;
  /** Blobs that were not what their names say; the entries that had them are gone. */
  damaged: string[];
  removed: number;
}

/** Answer of `POST /api/memo/take`. */
export type MemoTaken =
  | (MemoFound & { state: 'hit' | 'stale' /** The lease of the one who computes it anew. */; refresh?: string })
  | { state: 'compute'; lease: string; leaseMs: number; fence: number }
  | { state: 'timeout' }
  | { state: 'error'; error: string };
