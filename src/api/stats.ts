import type { Mode, TierName, TierState } from '../core/types.ts';
import type { RootView } from './api.ts';
import type { TierUseView } from './entries.ts';
import type { SharedView } from './farm.ts';
import type { MemoStats } from './memo.ts';
import type { StuckView } from './open-sources.ts';

/** Answer of `GET /api/cache/stats`. */

export interface TierStats extends TierUseView {
  tier: TierName;
  state: TierState;
  files: number;
  /** Bytes that the copies take. */
  bytes: number;
  /** Bytes of the copied models. */
  represented: number;
  /** `represented` over `bytes`; null while the tier is empty. */
  ratio: number | null;
  /** The copies that are stored as differences from others; left out if there are none. */
  standing?: { files: number; bytes: number; represented: number };
  reserved: number;
  /** Bytes in its directory that are no copies; they count towards the limit. */
  outside: number;
  /** The ssd and the cold tier share one limit. */
  limit: number;
  free: number;
  floor: number;
  /** 0..1 of the limit. */
  utilisation: number;
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

export interface QuotaUse {
  category: string;
  bytes: number;
  limit: number;
}

interface VariantUse {
  files: number;
  bytes: number;
  limit: number;
}

export interface StatsAnswer {
  version: string;
  pid: number;
  /** Shell command that runs the program from any directory: `autocached`, or the path of its file. */
  command: string;
  mode: Mode;
  policy: string;
  dir: string;
  uptimeMs: number;
  lookups: number;
  hits: number;
  misses: number;
  /** 0..1 over lookups that count as use; null before the first. */
  hitRate: number | null;
  byteHitRate: number | null;
  hitBytes: number;
  missBytes: number;
  evictions: number;
  bytesCopied: number;
  /** Estimate: bytes served from a tier times the difference of the measured speeds. */
  secondsSaved: number;
  /** Sources with a copy that differ from their published SHA-256; `verify` names them. */
  mismatched: number;
  /** Milliseconds inside the daemon. */
  latencyMs: { hit: Percentiles; miss: Percentiles };
  tiers: TierStats[];
  /** The tier that hosts share, below these; left out without a store. */
  shared?: SharedView;
  /** Categories with a quota: bytes of their copies, and most bytes. Left out when there are none. */
  quotas?: QuotaUse[] | undefined;
  /**
   * Variants, including those being made, the bytes of the ssd's limit that they hold or reserve, and their maximum. Left out if
   * there are none.
   */
  variants?: VariantUse | undefined;
  roots: RootView[];
  jobs: { running: number; queued: number };
  /** While files in the cache are unaccounted for: number of files seen so far. Until then, no copy starts. */
  accounting: { seen: number } | null;
  /** Files in the cache directory that are no copies, the largest first, and whether `purge --all` removes them. */
  orphans: { path: string; bytes: number; purged: boolean }[];
  /** Sources that programs still read although copies are ready. */
  stuck: StuckView[];
  /** Files that programs wrote beside copies and that are not beside the sources yet. */
  written: { files: number; bytes: number };
  /** Parts of the settings and ComfyUI files that are not in force, one line each, with the reason. */
  warnings: string[];
  /** The plane of results. */
  memo: MemoStats;
  /** By UTC day, newest last. */
  daily: DailyTotals[];
}

export interface DailyTotals {
  day: string;
  hits: number;
  misses: number;
  hitBytes: number;
  missBytes: number;
  bytesCopied: number;
  evictions: number;
  evictedBytes: number;
  secondsSaved: number;
}
