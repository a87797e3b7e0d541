/** The plane of results on the wire: requests and answers of `/api/memo/` (docs/MEMO.md). */

import type { ConfigValue } from './api.ts';
import type { MemoComparisons } from './memo-comfyui.ts';

/** Kind of a result: a JSON value, bytes, named files, or a JSON value with blobs in it. */
export type MemoKind = 'json' | 'bytes' | 'files' | 'doc';

/** The name of a namespace, which is part of addresses and of labels of metrics. */
export const namespaceForm = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;
/** The same in words. */
export const namespaceWords =
  '1 to 100 letters, digits, dots, colons, hyphens or underscores, the first one a letter or a digit';

export const memoSorts = ['bytes', 'age', 'hits', 'used', 'cost'] as const;
export type MemoSort = (typeof memoSorts)[number];

/** Origin of a found result: memory, the disk, Redis, or another asker's computation. */
export type MemoLayer = 'ram' | 'disk' | 'redis' | 'computation';

/** Why a result was not stored. Closed list; programs rely on the words. */
export type MemoRefusal =
  | 'NOT_WORTH'
  | 'NO_SPACE'
  | 'TOO_LARGE'
  | 'READ_ONLY'
  | 'BUSY'
  | 'OFF'
  | 'DISAGREES'
  | 'NEGATIVE'
  | 'INVALIDATED';

export interface MemoFile {
  name: string;
  sha256: string;
  size: number;
  contentType?: string;
  /** Path at which this machine can open it. */
  path: string;
}

export type MemoBlob = Pick<MemoFile, 'sha256' | 'size' | 'path'>;

/** Outcome of a search: a `stale` result is served while a program computes it again. */
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
  /** Blobs of a `doc`. */
  blobs?: MemoBlob[];
  ageMs?: number;
  /** Present if the result is that of a text in other words. */
  similar?: MemoLikeness;
}

/** Part of a hit with the result of another text. */
export interface MemoLikeness {
  /** Key of the result of that text. */
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
  /** The namespace's own settings; a field left out is as in the daemon's settings. */
  settings: MemoNamespaceSettings;
}

/** Times of a namespace in ms, and its limits within those of all results; a field left out is as in the daemon's settings. */
export interface MemoNamespaceSettings {
  maxItems?: number;
  /** Maximum bytes of values; a blob counts for each result that has it. */
  maxBytes?: number;
  /** Null = without end. */
  ttlMs?: number | null;
  staleMs?: number;
  /** Time of results that the caller marks as negative; left out = these are not stored. */
  negativeTtlMs?: number;
  /** Left out = texts are compared exactly. */
  semantic?: MemoSemantic;
}

/** Differences allowed between two texts that have one result. */
export const memoNormaliseRules = ['case', 'space', 'punctuation'] as const;
export type MemoNormaliseRule = (typeof memoNormaliseRules)[number];

/** How texts of a namespace are compared. */
export interface MemoSemantic {
  /**
   * `normalise`: texts equal under the rules in `normalise`. `suggest`: `/api/memo/similar` reports similar texts, they are never served.
   * `verified`: also texts of the same words in the same order, once enough were judged. `threshold`: any text at least as similar as
   * `threshold`, right or wrong.
   */
  mode: 'normalise' | 'suggest' | 'verified' | 'threshold';
  /** Differences allowed in every mode but `suggest`; left out = all of them with `normalise`, none with the others. */
  normalise?: MemoNormaliseRule[];
  /** Share of all answers that `verified` may give wrong. */
  wrong?: number;
  /** Minimum cosine in mode `threshold`. */
  threshold?: number;
  acceptWrongAnswers?: true;
}

/** Counts since the first start. */
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
  /** `away`: no requests are sent until it answers again. */
  state: 'connecting' | 'up' | 'away';
  /** The reason in words; null unless `away`. */
  why: string | null;
  hits: number;
  misses: number;
  /** Requests not sent: it was away, or had a pending change. */
  skipped: number;
  /** Requests without an answer in time. */
  failed: number;
  /** Values found damaged, and removed there. */
  damaged: number;
  /** Values written, removed, and refused by Redis. */
  stored: number;
  removed: number;
  refused: number;
  /** Changes not yet written to it. */
  owed: number;
}

/** Answer that Redis would give for a key; `unknown` while it is not asked. */
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
  /** Results answered as stored that could then not be stored, since the daemon was started. */
  refusedLate: number;
  /** Results in the daemon's memory. */
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
  /** The reason in a sentence. */
  why: string;
  entry: MemoEntryView | null;
  /** Null where results are not shared with other machines. */
  shared: MemoSharedExplanation | null;
  /** Comparison of its text: texts judged, and those whose result was right for it; null when there is no text, or it is not compared. */
  compared: { mode: MemoSemantic['mode']; judged: number; right: number } | null;
  deps: { dep: string; state: 'same' | 'changed' | 'unknown' }[];
  blobs: { sha256: string; size: number; sound: boolean; path: string }[];
  /** Number of results that leave before it; null when it is not kept. */
  leavesAfter: number | null;
}

export interface MemoVerifyAnswer {
  checked: number;
  bytes: number;
  /** Blobs that did not match their names; the entries that had them are gone. */
  damaged: string[];
  removed: number;
}

/** Answer of `POST /api/memo/take`. */
export type MemoTaken =
  | (MemoFound & { state: 'hit' | 'stale' /** Lease for computing it again. */; refresh?: string })
  | { state: 'compute'; lease: string; leaseMs: number; fence: number }
  | { state: 'timeout' }
  | { state: 'error'; error: string };
